package url_test

import (
	"fmt"

	"waypost/url"
)

func ExampleParse() {
	base, _ := url.Parse("https://www.shop.test/catalog/index.html", nil)
	u, err := url.Parse("../img/Räder.png?w=80#top", base)
	fmt.Println(u, err)
	fmt.Println(u.Origin(), u.RequestTarget())
	_, err = url.Parse("https://shop.test:8x/", nil)
	fmt.Println(err)
	// Output:
	// https://www.shop.test/img/R%C3%A4der.png?w=80#top <nil>
	// https://www.shop.test /img/R%C3%A4der.png?w=80
	// URL "https://shop.test:8x/": byte 19: the port is no number (port-invalid)
}

func ExampleFromAddressBar() {
	for _, typed := range []string{"Shop.test/a b", "localhost:8080", "what is dns"} {
		t, err := url.FromAddressBar(typed, "https://search.test/?q=%s")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n  %s\n  %q\n", t.URL, t.Reason, t.Changes)
	}
	// Output:
	// https://shop.test/a%20b
	//   it has no scheme but begins with a host; https is assumed for a name
	//   ["https:// put before it" "host Shop.test read as shop.test" "percent-encoded: path /a b read as /a%20b"]
	// http://localhost:8080/
	//   it has no scheme but begins with a host; http is assumed for this machine itself (RFC 6761 §6.3)
	//   ["http:// put before it" "empty path read as /"]
	// https://search.test/?q=what+is+dns
	//   no URL, because there is a space at byte 4 where a host would stand; searched for at search.test
	//   ["put into the search engine's URL as terms"]
}
