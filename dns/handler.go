package dns

import "context"

// Handler answers queries. ServeDNS appends the response to dst, which is
// empty, and returns it; nil means that there will be none. It may take its
// time until ctx ends. dst has room for q.MaxSize octets. The server has
// refused whatever is malformed before a handler sees it.
type Handler interface {
	ServeDNS(ctx context.Context, dst []byte, q *Query) []byte
}

// Quick is a Handler that knows many answers without waiting: a cache, a
// zone. The server asks AnswerNow first, on the goroutine that reads from the
// socket, so it must neither block nor keep q or dst; ok is false when the
// answer needs time, and then ServeDNS is asked.
type Quick interface {
	Handler
	AnswerNow(dst []byte, q *Query) (response []byte, ok bool)
}
