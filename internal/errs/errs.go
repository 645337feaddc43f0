// Package errs looks for errors by their type.
package errs

// As finds the first error in the tree of err that is a T, in the order of [errors.As]. It is errors.AsType of Go 1.26: unlike
// errors.As it needs no reflection, which would be a part of every program, and no memory.
func As[T any](err error) (T, bool) {
	for err != nil {
		if found, ok := err.(T); ok {
			return found, true
		}
		if x, ok := err.(interface{ As(any) bool }); ok {
			var found T
			if x.As(&found) {
				return found, true
			}
		}
		switch x := err.(type) {
		case interface{ Unwrap() error }:
			err = x.Unwrap()
			continue
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				if found, ok := As[T](e); ok {
					return found, true
				}
			}
		}
		break
	}
	var none T
	return none, false
}

// IsTimeout reports whether err is, or wraps, a timeout of any kind.
func IsTimeout(err error) bool {
	t, ok := As[interface{ Timeout() bool }](err)
	return ok && t.Timeout()
}
