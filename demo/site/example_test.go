package site_test

import (
	"fmt"

	"waypost/demo/site"
	"waypost/http/wire"
)

func ExampleNew() {
	shop, err := site.New(site.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close()
	// The shop is a handler; any listener makes a server of it.
	server := wire.Server{Handler: shop}
	fmt.Println(server.Handler == wire.Handler(shop))
	// Output: true
}
