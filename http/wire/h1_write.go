package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"waypost/http/field"
)

// appendHead appends a status line and the fields of f that are not the
// codec's own business. With dates, it appends a Date where f has none (RFC
// 9110 §6.6.1). What the grammar forbids in a field is an error: a CR or LF
// passed on would let whoever chose the value write responses of his own.
func appendHead(dst []byte, status int, f field.Fields, dates *dateCache) ([]byte, error) {
	dst = appendStatusLine(dst, status)
	dated := dates == nil
	for i := range f {
		l := &f[i]
		if connectionField(l.Name) {
			continue
		}
		if err := checkField(l); err != nil {
			return nil, err
		}
		dated = dated || len(l.Name) == 4 && field.Is(l.Name, "Date")
		dst = appendField(dst, l.Name, l.Value)
	}
	if !dated {
		dst = appendField(dst, "Date", dates.at(time.Now()))
	}
	return dst, nil
}

func appendStatusLine(dst []byte, status int) []byte {
	if status == 200 {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reasonPhrase(status)...)
	return append(dst, "\r\n"...)
}

// reasonPhrase is the phrase of RFC 9110 §15; net/http has older ones for
// some.
func reasonPhrase(status int) string {
	switch status {
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 416:
		return "Range Not Satisfiable"
	case 422:
		return "Unprocessable Content"
	}
	return http.StatusText(status)
}

func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

func appendFields(dst []byte, f field.Fields) []byte {
	for i := range f {
		if !connectionField(f[i].Name) {
			dst = appendField(dst, f[i].Name, f[i].Value)
		}
	}
	return dst
}

func checkField(l *field.Line) error {
	if !validToken(l.Name) {
		return fmt.Errorf("send field: invalid name %s", quote(l.Name))
	}
	if !validValue(l.Value) {
		return fmt.Errorf("send field %s: control character in its value %s", l.Name, quote(l.Value))
	}
	return nil
}

func checkFields(f field.Fields) error {
	for i := range f {
		if err := checkField(&f[i]); err != nil {
			return err
		}
	}
	return nil
}
