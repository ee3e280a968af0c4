package journey

// verb is one statement of the language.
type verb struct {
	name  string
	usage string // what follows the name
	doc   string
	group string
	runs  bool // it takes time or can be done at a time, in the background, repeatedly
	tries bool // it can fail, and try takes that
	parse func(a *args) action
}

func (v *verb) usageLine() string { return "write: " + v.name + " " + v.usage }

// verbs are all statements, in the order of the manual.
var verbs = []verb{
	{"region", "NAME [PREFIX…]", "a place on the internet: a switch for its hosts and a router to the other regions", "The internet", false, false, parseRegion},
	{"between", "REGION REGION SHAPE", "a link between two regions", "The internet", false, false, parseBetween},
	{"switch", "NAME", "an Ethernet switch", "The internet", false, false, parseSwitch},
	{"host", "NAME [in REGION [ADDRESS…]] [on SWITCH ADDRESS/LENGTH]… [via GATEWAY] [resolver ADDRESS] [tcp SETTING=VALUE…] [link SHAPE]", "a host; its link has the shape, its stub resolver asks that name server", "The internet", false, false, parseHost},
	{"router", "NAME [on SWITCH ADDRESS/LENGTH]… [link SHAPE]", "a host that forwards", "The internet", false, false, parseRouter},
	{"link", "A [ADDRESS/LENGTH] B [ADDRESS/LENGTH] SHAPE", "a link between two nodes; hosts and routers get an address for it", "The internet", false, false, parseLink},
	{"route", "HOST PREFIX via GATEWAY", "an entry of a routing table", "The internet", false, false, parseRoute},

	{"certificate", "NAME… [expired]", "the files NAME.pem and NAME.key from the journey's own authority, whose root is ca.pem", "Who serves", false, false, parseCertificate},
	{"serve", "HOST FILE", "the node of that configuration, as `waypost serve` reads it", "Who serves", false, false, parseServe},
	{"origin", "HOST [port N] [root DIRECTORY] [certificate NAME]", "an origin that says what answer tells it, and else serves files", "Who serves", false, false, parseOrigin},
	{"reload", "HOST FILE", "what serve put there takes over that configuration, as `waypost serve` does on SIGHUP", "Who serves", true, true, parseReload},
	{"answer", "HOST [METHOD] PATH [times N] [after DURATION] [inform STATUS [header FIELD]] [STATUS] [header FIELD]… [body TEXT|file FILE|size SIZE] [ranges] [length SIZE|chunked] [pace SIZE] [never] [raw BYTES] [then close|reset|stall]", "what the origin answers from now on; of several that fit, the one said last counts", "Who serves", true, false, parseAnswer},

	{"load", "HOST URL [fresh|reload|hard-reload] [http1.1|http2|http3|any] [document-only] [keep-alive] [within DURATION] [as NAME]", "a page load, as the browser of the host does it", "Clients", true, true, parseLoad},
	{"fetch", "HOST [METHOD] URL [header FIELD]… [body TEXT|file FILE|size SIZE] [host NAME] [http1.1|http2|http3|any] [close] [within DURATION] [as NAME]", "one request", "Clients", true, true, parseFetch},
	{"resolve", "HOST NAME [TYPE] [from SERVER [tcp] [subnet PREFIX]] [within DURATION] [as NAME]", "one question: to the host's resolver, or to a server", "Clients", true, true, parseResolve},
	{"ping", "HOST ADDRESS|HOST [within DURATION] [as NAME]", "an ICMP echo", "Clients", true, true, parsePing},
	{"purge", "HOST URL|prefix URL|tag TAG [site NAME] [soft] [as NAME]", "the edge on the host drops what it keeps for the URL, for all that begin so, or under the tag; soft only ends its freshness", "Clients", true, true, parsePurge},
	{"forget", "HOST", "the host's browser and resolver begin anew, with empty memories", "Clients", true, false, parseForget},

	{"listen", "HOST PORT as NAME", "a TCP listener", "Sockets", false, true, parseListen},
	{"accept", "LISTENER as NAME [within DURATION]", "the next connection", "Sockets", true, true, parseAccept},
	{"dial", "HOST ADDRESS:PORT as NAME [within DURATION]", "a TCP connection", "Sockets", true, true, parseDial},
	{"udp", "HOST [PORT] as NAME", "a UDP socket", "Sockets", false, true, parseUDP},
	{"join", "NAME GROUP", "the UDP socket hears a multicast group", "Sockets", true, true, parseJoin},
	{"leave", "NAME GROUP", "and hears it no more", "Sockets", true, true, parseLeave},
	{"send", `NAME "BYTES"|file FILE|size SIZE [to ADDRESS:PORT] [within DURATION]`, "bytes into a connection, or one datagram; size sends a pattern", "Sockets", true, true, parseSend},
	{"read", `NAME "BYTES"|file FILE|size SIZE|until "BYTES"|end|error PATTERN|nothing for DURATION [from ADDRESS:PORT] [within DURATION]`, "exactly that must come; with until, whatever it is up to those bytes", "Sockets", true, true, parseRead},
	{"keepalive", "NAME IDLE INTERVAL PROBES", "the connection asks after a silent peer", "Sockets", true, true, parseKeepalive},
	{"close-write", "NAME", "no more is sent: FIN", "Sockets", true, true, parseCloseWrite},
	{"close", "NAME", "nobody sends or reads any more", "Sockets", true, true, parseClose},
	{"abort", "NAME", "closed with a reset", "Sockets", true, true, parseAbort},

	{"cut", "LINK|HOST…", "the link, or all links of the host, carry nothing any more", "Faults", true, false, parseCut},
	{"restore", "LINK|HOST…", "and carry again", "Faults", true, false, parseRestore},
	{"reshape", "LINK SHAPE", "the link behaves otherwise from now on; a>b is one direction", "Faults", true, false, parseReshape},
	{"drop", "[N|N..M|all] LINK CONDITION…", "of the frames that fulfil the conditions, the N-th from now on is lost; the first where nothing is said", "Faults", true, false, parseDrop},
	{"replay", "[N] LINK CONDITION…", "a copy of a frame that has passed comes once more", "Faults", true, false, parseReplay},
	{"stop", "HOST", "what serve or origin put there stops", "Faults", true, false, parseStop},
	{"start", "HOST", "and starts again: with empty caches, but for edge.store", "Faults", true, false, parseStart},

	{"wait", "[DURATION]", "time passes; without a duration, until all that is in the background has ended", "Time", false, false, parseWait},
	{"until", "TIME", "time passes until the journey's clock says so", "Time", false, false, parseUntil},
	{"scene", "[TITLE]", "expectations look no further back than this", "Time", false, false, parseScene},
	{"limit", "DURATION", "how much virtual time the journey may take; 24h where nothing is said", "Time", false, false, parseLimit},
	{"seed", "N", "the journey's numbers depend on chance: this is its seed, whatever the command line says", "Time", false, false, parseSeed},

	{"expect", "[never|every|count N] [afterwards] KIND [TARGET] [at STATION] [of NAME] CONDITION… [until KIND …]", "that must have been seen", "Expectations", true, false, parseExpect},
	{"await", "[within DURATION] KIND …", "as expect, and time passes until it is so", "Expectations", true, false, parseAwait},
}
