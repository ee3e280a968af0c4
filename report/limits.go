package report

// The bounds of a page and of a drawing. A record can hold a day of traffic;
// a page that nobody can open explains nothing. What is left out is counted
// where it would have stood.
const (
	maxLoads     = 40   // page loads of a document; a journey's table sums up more
	maxSteps     = 2000 // steps of one load: about 2 MB of page
	maxDiagrams  = 40   // charts, and sequences, of a document
	maxTables    = 40
	maxParts     = 60 // parts of a document, each with as many loads and diagrams
	maxSums      = 24 // numbers under the title
	maxTableRows = 1000
	maxRemarks   = 100    // paragraphs of Document.Notes
	maxText      = 4096   // characters of one text of a document
	maxRowsTold  = 60     // responses that a waterfall's description names
	maxAttrs     = 16_384 // bytes of one step's attributes

	maxLanes     = 8         // hosts side by side: more do not fit beside their labels
	maxRungs     = 140       // segments that a page's ladder draws; a screen shows 40
	maxRungsText = 64        // and a terminal's
	maxTurns     = 80        // notes drawn and explained in one diagram
	maxTurnsText = 24        // and in a terminal
	maxSaid      = 600       // bytes of a note: three sentences beside a diagram
	maxStates    = 200       // changes of state in one diagram
	maxListed    = 1000      // segments in the list under a ladder
	maxMarked    = 2000      // marks of each kind in a plot: more are a blot
	maxSegments  = 1_000_000 // segments read of a sequence
	maxPanels    = 12
	maxSeries    = 6 // curves in a panel: as many as have a pattern of their own
)
