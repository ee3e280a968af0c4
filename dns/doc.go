// Package dns holds what every name server and every resolver needs: names,
// messages, zones and the way messages travel.
//
// There are two roads through a message. The fast one reads a question
// straight from the packet ([Query.Parse]) and appends the answer to a buffer
// ([Reply], [Packed]); it does not allocate. The slow one is a *[mdns.Msg]
// of github.com/miekg/dns, for everything that is not asked a thousand times
// a second. Both agree on every packet; a fuzz target holds them together.
//
// A [Server] listens on a [link.Network] and hands each [Query] to a
// [Handler]. [Exchange] asks one server. A [Zone] is a zone file ready to be
// looked up in.
package dns
