package gslb

import (
	"fmt"
	"strings"

	"waypost/cdn"
	"waypost/trace"
)

// clauseECS is where a server is told how to use a client subnet.
const clauseECS = "RFC 7871 §7"

// why puts the grounds of grades[i] into words, in the order in which they
// were weighed. grades is sorted.
func why(grades []grade, i int, region *cdn.Region) string {
	g := &grades[i]
	words := make([]string, 0, 5)
	if g.out {
		words = append(words, "out of service (weight 0)")
	} else {
		words = append(words, fmt.Sprintf("in service (weight %d)", g.edge.Weight))
	}
	if g.down {
		words = append(words, "down: "+g.edge.Down)
	} else {
		words = append(words, "healthy")
	}
	words = append(words, distance(g, region))
	if g.full {
		words = append(words, fmt.Sprintf("full (load %.0f%%)", 100*g.edge.Load))
	} else {
		words = append(words, fmt.Sprintf("load %.0f%%", 100*g.edge.Load))
	}
	if place, of := equals(grades, i); of > 1 && !g.out {
		words = append(words, fmt.Sprintf("place %d of %d equals by the client's lot", place, of))
	}
	return strings.Join(words, "; ")
}

// distance says how near the edge is.
func distance(g *grade, region *cdn.Region) string {
	switch {
	case region == nil:
		return fmt.Sprintf("region %s, the client's is unknown", g.pop.Region)
	case g.steps == 0:
		return "in the client's region " + region.Name
	case g.steps <= len(region.Near):
		return fmt.Sprintf("region %s, number %d near %s", g.pop.Region, g.steps, region.Name)
	}
	return fmt.Sprintf("region %s, not near %s", g.pop.Region, region.Name)
}

// equals counts the edges that only the lot sets apart from grades[i], and
// says which of them it is.
func equals(grades []grade, i int) (place, of int) {
	for j := range grades {
		if class(&grades[j], &grades[i]) == 0 {
			of++
			if j <= i {
				place++
			}
		}
	}
	return place, of
}

// decide puts the choice into one sentence.
func decide(p *Pick, grades []grade, region *cdn.Region, c Client) trace.Decision {
	best := &grades[0]
	d := trace.Decision{Verdict: p.Edge.Name}
	who := "the resolver"
	d.Because = "resolver address " + c.Addr.String()
	if c.ECS {
		who = "the client"
		d.Because = "client subnet " + c.Prefix.String()
		d.Clause = clauseECS
	}
	var place string
	switch {
	case region == nil:
		place = fmt.Sprintf("no region of the map holds %s", who)
	case best.steps == 0:
		place = fmt.Sprintf("it stands in %s's region %s (%s)", who, p.Region, p.By)
	case best.steps <= len(region.Near):
		place = fmt.Sprintf("its region %s is the nearest to %s's region %s (%s) that has an edge to use", p.POP.Region, who, p.Region, p.By)
	default:
		place = fmt.Sprintf("no region near %s's region %s (%s) has an edge to use", who, p.Region, p.By)
	}
	_, of := equals(grades, 0)
	switch {
	case best.down:
		d.Reason = fmt.Sprintf("%s is served although it is down (%s), because no edge is healthy and a sick one may still answer: %s",
			p.Edge.Name, p.Edge.Down, place)
		d.Remedy = "bring an edge back to health"
	case best.full:
		d.Reason = fmt.Sprintf("%s is served although it is full, because every healthy edge as near is: %s", p.Edge.Name, place)
		d.Remedy = "add an edge to POP " + p.POP.Name + ", or take load off it"
	case of > 1:
		d.Reason = fmt.Sprintf("%s is healthy, %s, and of %d equal edges the lot of %s falls on it", p.Edge.Name, place, of, c.Prefix)
	default:
		d.Reason = fmt.Sprintf("%s is healthy, and %s", p.Edge.Name, place)
	}
	return d
}
