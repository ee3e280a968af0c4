package store

// ghosts remember which keys were evicted from the small queue lately: as
// many as the main queue might hold. Each key has one slot, which a later
// one may take; what is lost so costs one object a second chance.
type ghosts struct {
	slots []ghost
	mask  uint64
	clock uint32 // counts the evictions
}

type ghost struct {
	print uint32 // high half of the hash; 0: empty
	at    uint32 // clock at the eviction
}

func (g *ghosts) init(slots int) {
	g.slots = make([]ghost, slots)
	g.mask = uint64(slots - 1)
}

func (g *ghosts) remember(hash uint64) {
	g.clock++
	g.slots[hash&g.mask] = ghost{fingerprint(hash), g.clock}
}

// recall reports whether the key was evicted lately, and forgets it.
func (g *ghosts) recall(hash uint64) bool {
	slot := &g.slots[hash&g.mask]
	if slot.print != fingerprint(hash) {
		return false
	}
	lately := g.clock-slot.at < uint32(len(g.slots))
	*slot = ghost{}
	return lately
}

func fingerprint(hash uint64) uint32 { return uint32(hash>>32) | 1 }
