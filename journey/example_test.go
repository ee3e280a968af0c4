package journey_test

import (
	"fmt"

	"waypost/journey"
)

// What is wrong with a script is told with its place, all of it at once.
func ExampleParse() {
	_, err := journey.Parse("shop.txt", []byte(`# The shop
region home
host client in hom
load client https://www.shop.test/
expect edge.lokup verdict=hit
`))
	fmt.Println(err)
	// Output:
	// shop.txt:3:16: there is no region hom; did you mean home?
	// shop.txt:5:8: there is no kind of event "edge.lokup"; did you mean edge.lookup?
}
