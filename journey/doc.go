// Package journey runs journeys: scripts that set up an internet in the lab,
// let clients act, break things, and state what must be seen in the record and
// on the links. docs/journeys.md is the manual of the language; the ready
// scripts are in lab/journeys.
//
//	j, err := journey.Parse("shop.txt", text)
//	r := j.Run(ctx, journey.Options{Seed: 1})   // inside a bubble of testing/synctest
//
// [Parse] finds everything that is wrong with a script before anything is
// done: problem.go, words.go, args.go and quantity.go are what it reads with,
// parse.go is the way of a statement, statements.go the table of them.
// [Journey.Run] (run.go) plays them in a world (world.go) on a lab: topology.go
// and tcpoptions.go build the network; serve.go, origin.go and answer.go say
// who serves; client.go, fetch.go and resolve.go are the clients, socket.go,
// stream.go and payload.go the script's own sockets; faults.go breaks things,
// timing.go lets time pass. What they come to is in result.go, and
// diagrams.go draws who spoke with whom.
//
// record.go, frames.go and capture.go keep what was seen. An expectation
// (expect.go) speaks of nouns (noun.go), whose attributes (attribute.go) it
// holds against conditions (condition.go); match.go finds what it means among
// the subjects that seen.go collects, and failure.go tells what came nearest.
package journey
