package lab

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseShape(t *testing.T) {
	ms := time.Millisecond
	for _, test := range []struct {
		text string
		want LinkShape
		form string // of String; "" when it is the text
	}{
		{"", LinkShape{}, "0s"},
		{"0s", LinkShape{}, ""},
		{"20ms", LinkShape{Delay: 20 * ms}, ""},
		{"delay 20ms", LinkShape{Delay: 20 * ms}, "20ms"},
		{"20ms jitter 2ms loss 2% rate 10Mbit queue 64KB codel",
			LinkShape{Delay: 20 * ms, Jitter: 2 * ms, Loss: Loss{Random: .02}, Rate: 10e6, Queue: 64e3, CoDel: true}, ""},
		{"loss nth 3,7,8", LinkShape{Loss: Loss{Nth: []int{3, 7, 8}}}, "0s loss nth 3,7,8"},
		{"loss burst 1% 25%", LinkShape{Loss: Loss{Burst: GilbertElliott{Enter: .01, Leave: .25}}}, "0s loss burst 1% 25%"},
		{"loss burst 1% 25% 80% 0.1% 5ms",
			LinkShape{Delay: 5 * ms, Loss: Loss{Burst: GilbertElliott{.01, .25, .8, .001}}}, "5ms loss burst 1% 25% 80% 0.1%"},
		{"reorder 1% by 5ms duplicate 0.5% corrupt 100%",
			LinkShape{Reorder: .01, ReorderBy: 5 * ms, Duplicate: .005, Corrupt: 1}, "0s reorder 1% by 5ms duplicate 0.5% corrupt 100%"},
		{"rate 1.5mbit/s queue 64KiB mtu 1280", LinkShape{Rate: 1.5e6, Queue: 65536, MTU: 1280}, "0s rate 1500Kbit queue 64KiB mtu 1280"},
	} {
		got, err := ParseShape(test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("ParseShape(%q)\n got %+v, %v\nwant %+v", test.text, got, err, test.want)
		}
		if form := got.String(); form != test.form && (test.form != "" || form != test.text) {
			t.Errorf("ParseShape(%q).String() = %q, want %q", test.text, form, test.form)
		}
	}
}

func TestParseShapeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"20":                     `delay "20": want a duration such as 20ms`,
		"fast":                   `"fast" begins no part; parts are delay, jitter`,
		"loss 2":                 `loss "2": want a percentage such as 2%`,
		"loss":                   `loss "": want a percentage`,
		"loss 101%":              `loss 1.01 is no chance between 0 and 1`,
		"loss nth 3,x":           `loss nth "x": want numbers of frames such as 3,7,8`,
		"loss nth 3,3":           `loss nth: 3 after 3`,
		"loss burst 1%":          `loss burst 1%: want two percentages, the chances to enter a burst and to leave it, such as burst 1% 25%`,
		"loss burst 0% 1%":       `needs the chances to enter and to leave`,
		"5ms loss 1% loss 2%":    `loss is there twice`,
		"delay 5ms 6ms":          `delay is there twice`,
		"-5ms":                   `"-5ms" begins no part`,
		"2h":                     `delay 2h0m0s is not between 0 and 1h0m0s`,
		"rate 10":                `rate "10": want a number with one of the units Gbit, Mbit, Kbit, bit`,
		"rate 0bit":              `rate "0bit": want a number`,
		"rate 1e30Gbit":          `want a number`,
		"queue 64KB":             `a queue without a rate never fills`,
		"rate 1bit queue 9999MB": `queue 67108865 is not between 0 and 67108864 bytes`,
		"mtu 20":                 `mtu 20 is not between 68 and 65535`,
		"reorder NaN%":           `want a percentage`,
	} {
		if _, err := ParseShape(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseShape(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestParseShapes(t *testing.T) {
	there, back, err := ParseShapes("20ms rate 1Mbit / 30ms")
	if err != nil || there.Delay != 20*time.Millisecond || there.Rate != 1e6 || back.Delay != 30*time.Millisecond || back.Rate != 0 {
		t.Errorf("got %v, %v, %v", there, back, err)
	}
	there, back, err = ParseShapes("20ms")
	if err != nil || !reflect.DeepEqual(there, back) {
		t.Errorf("got %v, %v, %v; want both alike", there, back, err)
	}
}

// FuzzParseShape: whatever is read is a possible shape, and its text form
// is read back as the same text.
func FuzzParseShape(f *testing.F) {
	f.Add("20ms jitter 2ms loss 2% rate 10Mbit queue 64KB codel")
	f.Add("loss burst 1% 25% 80% 0.1% reorder 1% by 5ms duplicate 0.5% corrupt 3e-7%")
	f.Add("loss nth 3,7,8 mtu 1280 rate 1.5Gbit/s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShape(text)
		if err != nil {
			return
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		form := s.String()
		again, err := ParseShape(form)
		if err != nil || again.String() != form {
			t.Fatalf("%q → %q → %q, %v", text, form, again.String(), err)
		}
	})
}
