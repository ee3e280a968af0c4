package rules

import (
	"strings"

	"waypost/http/field"
)

// Device is the class of a client: "mobile" or "desktop". A browser that
// tells it in Sec-CH-UA-Mobile (User-Agent Client Hints §3.3) is believed.
// Else one whose User-Agent has "Mobi" is mobile, as all phones' have; what
// remains, tablets and robots among them, is desktop.
func Device(req field.Fields) string {
	agent := ""
	for i := range req {
		switch name := req[i].Name; len(name) {
		case len("Sec-CH-UA-Mobile"):
			if field.Is(name, "Sec-CH-UA-Mobile") {
				switch strings.Trim(req[i].Value, " \t") {
				case "?1":
					return "mobile"
				case "?0":
					return "desktop"
				}
			}
		case len("User-Agent"):
			if field.Is(name, "User-Agent") {
				agent = req[i].Value
			}
		}
	}
	if strings.Contains(agent, "Mobi") {
		return "mobile"
	}
	return "desktop"
}

// DeviceField tells the origin the class for which it is asked.
const DeviceField = "X-Device-Class"
