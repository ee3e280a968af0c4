package rules

import (
	"testing"

	"waypost/cdn"
)

// TestCheckForwarded: no field passes under another name than the one that is
// written here, set by a rule, or in the key.
func TestCheckForwarded(t *testing.T) {
	in := cdn.Rules{
		Key:     cdn.Key{Headers: []cdn.Part{{Name: "X-Country", Values: []string{"de"}}}},
		Headers: []cdn.Header{{ToOrigin: true, Name: "X-Api-Key", Value: "1"}, {Name: "X-Frame-Options", Value: "DENY"}},
	}
	for name, ok := range map[string]bool{
		"api_key": true, "X-Original-URL": true, "X_Frame_Options": true, "X-Country": true,
		"X_Country": false, "x.country": false, "X_Api_Key": false, "X_Device_Class": false, "Content_Length": false,
		"Transfer-Encoding": false, "Forwarded": false, "X_Forwarded_For": false, "Proxy": false, "Host": false, "Accept_Language": false,
		"a b": false, "": false, "a:b": false,
	} {
		in.ForwardFields = []string{name}
		if err := CheckForwarded(&in); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
