package baton

import (
	"context"
	"fmt"
	"time"
)

// Credentials is the answer of a CredentialsProvider. An empty Username with a Password means the default user. The
// password is never printed.
type Credentials struct {
	Username, Password string
	// Expires is when the server ends connections that were authenticated with them; zero: never. Well ahead of it every
	// connection is authenticated with newer ones, if the provider has some by then: see docs/errors.md, "Credentials
	// that expire".
	Expires time.Time
}

// CredentialsProvider gives the credentials for a set-up, and is asked ahead of their expiry whether there are newer
// ones. It may be called from several goroutines at once, and may block until ctx ends, which is when the time for the
// set-up is over. An error fails the set-up.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// credentials returns the function that a set-up calls for its credentials.
func (o Options) credentials() func(context.Context) (user, pass string, expires time.Time, err error) {
	return func(ctx context.Context) (string, string, time.Time, error) {
		if o.Credentials == nil {
			return o.Username, o.Password, time.Time{}, nil
		}
		cr, err := o.Credentials.Credentials(ctx)
		return cr.Username, cr.Password, cr.Expires, err
	}
}

// The methods below keep secrets out of everything that prints values: package fmt with any verb, slog, encoding/json.

const masked = "***"

func mask(secret string) string {
	if secret == "" {
		return ""
	}
	return masked
}

// Format prints c as any struct, with stars for the password.
func (c Credentials) Format(s fmt.State, verb rune) {
	c.Password = mask(c.Password)
	if c.Expires.IsZero() {
		fmt.Fprintf(s, fmt.FormatString(s, verb), struct{ Username, Password string }{c.Username, c.Password})
		return
	}
	type credentials Credentials // without methods
	fmt.Fprintf(s, fmt.FormatString(s, verb), credentials(c))
}

// MarshalText returns c as fmt prints it with %+v.
func (c Credentials) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%+v", c), nil }

// hidden is printed instead of a CredentialsProvider, which may hold a password itself.
type hidden string

// Credentials is never called.
func (hidden) Credentials(context.Context) (Credentials, error) { return Credentials{}, nil }

// Format prints o as any struct, with stars for the password and for Credentials. Every verb counts as v: others take
// pointers for a mistake and print the values behind them, such as the private key in TLS.
func (o Options) Format(s fmt.State, _ rune) {
	type options Options // without methods
	o.Password = mask(o.Password)
	if o.Credentials != nil {
		o.Credentials = hidden(masked)
	}
	fmt.Fprintf(s, fmt.FormatString(s, 'v'), options(o))
}

// MarshalText returns o as fmt prints it with %+v.
func (o Options) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%+v", o), nil }

// Format prints the address of c, for every verb.
func (c *Client) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "baton.Client(%s)", c.o.Addr) }
