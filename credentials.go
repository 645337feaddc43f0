package baton

import (
	"context"
	"fmt"
	"time"
)

// Credentials are what a CredentialsProvider gives. An empty Username with a Password means the default user. However they
// are printed, the password is not.
type Credentials struct {
	Username, Password string
	// Expires is when the server ends what was authenticated with them; zero: never. Well ahead of it every connection is
	// authenticated with newer ones, if the provider has some by then: see docs/errors.md, "Credentials that expire".
	Expires time.Time
}

// CredentialsProvider gives the credentials for a set-up, and is asked ahead of their expiry whether there are newer ones. It may be called from several goroutines at once, and may block until
// ctx ends, which is when the time for the set-up is over. An error fails the set-up.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// credentials returns what asks for the credentials of a set-up.
func (o Options) credentials() func(context.Context) (user, pass string, expires time.Time, err error) {
	if o.Credentials == nil {
		return func(context.Context) (string, string, time.Time, error) {
			return o.Username, o.Password, time.Time{}, nil
		}
	}
	return func(ctx context.Context) (string, string, time.Time, error) {
		cr, err := o.Credentials.Credentials(ctx)
		return cr.Username, cr.Password, cr.Expires, err
	}
}

// What follows keeps secrets out of everything that prints values: package fmt with any verb, slog, encoding/json.

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
	type plain Credentials
	fmt.Fprintf(s, fmt.FormatString(s, verb), plain(c))
}

// MarshalText gives c as fmt prints it with %+v.
func (c Credentials) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%+v", c), nil }

// hidden stands for a CredentialsProvider, which may hold a password itself.
type hidden string

// Credentials is never called.
func (hidden) Credentials(context.Context) (Credentials, error) { return Credentials{}, nil }

// Format prints o as any struct, with stars for the password and for Credentials. Every verb counts as v: others take
// pointers for a mistake and print what they point to, such as the private key in TLS.
func (o Options) Format(s fmt.State, _ rune) {
	type plain Options
	o.Password = mask(o.Password)
	if o.Credentials != nil {
		o.Credentials = hidden(masked)
	}
	fmt.Fprintf(s, fmt.FormatString(s, 'v'), plain(o))
}

// Format prints where c leads, for every verb.
func (c *Client) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "baton.Client(%s)", c.o.Addr) }

// MarshalText gives o as fmt prints it with %+v.
func (o Options) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%+v", o), nil }
