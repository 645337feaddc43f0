//go:build !baton

package main

// batonDrivers decode only, until the client exists.
func batonDrivers() []Driver {
	return []Driver{
		{Name: "baton", Role: Ours, Decode: decodeBaton},
		{Name: "baton-frames", Role: Ours, Decode: decodeBatonFrames},
	}
}
