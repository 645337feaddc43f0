package baton

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
)

// ParseURL reads connection options from a URL:
//
//	redis://[user:password@]host[:port][/db][?key=value&...]     plaintext; valkey:// means the same
//	rediss://...                                                 TLS; valkeys:// means the same
//	unix://[user:password@]/path/to/socket[?db=n&...]
//
// Query keys: db, client_name, protocol, disable_identity (true, false), dial_timeout, read_timeout (Go durations, or
// whole seconds; -1 is none), pool_size, min_idle, lanes, max_lifetime, max_idle_time, wait_timeout, retry_for, maint
// (auto, enabled, disabled); write_timeout is accepted and has no effect, since read_timeout covers writes that stall.
// A key that is not listed is refused, as is one given twice, a database in path and query, a path that is no database,
// several hosts, a fragment, and everything that New refuses. A host or port that is missing is localhost or 6379. An
// error never contains the password.
//
// Everything in a user name or password but letters, digits and -._~ must be percent-encoded, which
// url.UserPassword(user, password).String() does: a slash, a question mark or a # would end the host.
func ParseURL(rawURL string) (Options, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		if ue, ok := errs.As[*url.Error](err); ok { // its text would repeat the URL with the password
			err = ue.Err
		}
		return Options{}, fmt.Errorf("baton: invalid URL: %w", withoutSecret(err, rawURL))
	}
	_, rest, _ := strings.Cut(rawURL, "//")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	var o Options
	if u.User != nil && strings.Count(rest, "@") > 1 { // the text after the first may be meant for the host
		err = errors.New("has two @ in front of the path: in a user name or password it must be percent-encoded, as %40")
	} else {
		err = o.setURL(u)
	}
	if err == nil {
		err = errors.Unwrap(o.withDefaults().validate())
	}
	if err != nil {
		return Options{}, fmt.Errorf("baton: invalid URL: %w", withoutSecret(err, u.Path+u.RawQuery+u.Fragment))
	}
	return o, nil
}

// withoutSecret drops an error text that may repeat the password: an @ in the part that it is about may be the one
// behind the password, and an invalid port may be a password without its host.
func withoutSecret(err error, part string) error {
	if strings.Contains(part, "@") || strings.HasPrefix(err.Error(), "invalid port") {
		return errors.New("cannot be parsed (details withheld, since it may contain a password, whose special characters must be percent-encoded)")
	}
	return err
}

func (o *Options) setURL(u *url.URL) (err error) {
	if err = o.setAddr(u); err != nil {
		return err
	}
	db := ""
	if u.Scheme != "unix" { // one slash may follow
		db = strings.TrimSuffix(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	}
	if db != "" {
		if err = parseInto((*database)(&o.DB), db); err != nil {
			return err
		}
	}
	if u.User != nil {
		o.Username = u.User.Username()
		o.Password, _ = u.User.Password()
		if o.Password == "" && o.Username != "" {
			return errors.New("user name without a password")
		}
	}
	return o.setQuery(u.RawQuery, db)
}

// setAddr sets what the scheme and the host say.
func (o *Options) setAddr(u *url.URL) error {
	if u.Opaque != "" { // a scheme without slashes may be a user name or a password
		return errors.New("needs a scheme with two slashes, as in redis://")
	}
	if u.Fragment != "" {
		return errors.New("has a fragment, which means nothing here: a # must be percent-encoded")
	}
	switch u.Scheme {
	case "redis", "valkey":
	case "rediss", "valkeys":
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	case "unix":
		o.Network, o.Addr = "unix", u.Path
		if u.Host != "" || len(u.Path) < 2 {
			return errors.New("unix scheme needs an absolute path, as in unix:///run/redis.sock")
		}
		if strings.ContainsFunc(u.Path, unicode.IsControl) {
			return errors.New("path of the socket has a control character")
		}
		return nil
	default:
		return fmt.Errorf("scheme is %q, must be redis, rediss, valkey, valkeys or unix", u.Scheme)
	}
	host, port := u.Hostname(), u.Port()
	switch {
	case strings.Contains(host, ","):
		return fmt.Errorf("names several hosts, %q, must be one", host)
	case strings.Contains(host, ":") && !strings.HasPrefix(u.Host, "["):
		return fmt.Errorf("host is %q, an address with colons needs brackets", host)
	case port == "" && strings.HasSuffix(u.Host, ":"):
		return errors.New("port is empty, must be from 1 to 65535, or left out with its colon")
	}
	host = cmp.Or(host, "localhost")
	o.Addr = net.JoinHostPort(host, cmp.Or(port, defaultPort))
	if o.TLS != nil {
		o.TLS.ServerName = host
	}
	return nil
}

// setQuery sets what the query says. pathDB is the database in the path.
func (o *Options) setQuery(query, pathDB string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	settings := map[string]any{
		"db":               (*database)(&o.DB),
		"client_name":      &o.ClientName,
		"protocol":         &o.Protocol,
		"disable_identity": &o.DisableIdentity,
		"dial_timeout":     &o.DialTimeout,
		"read_timeout":     &o.ReadTimeout,
		"write_timeout":    new(time.Duration),
		"pool_size":        &o.Pool.Size,
		"min_idle":         &o.Pool.MinIdle,
		"lanes":            &o.Pool.Lanes,
		"max_lifetime":     &o.Pool.MaxLifetime,
		"max_idle_time":    &o.Pool.MaxIdleTime,
		"wait_timeout":     &o.Pool.WaitTimeout,
		"retry_for":        &o.Retry.For,
		"maint":            &o.Handoff.Mode,
	}
	var errs []error
	for key, vals := range q {
		dst, known := settings[key]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("unknown query key %q", key))
		case len(vals) != 1:
			errs = append(errs, fmt.Errorf("query key %q is given %d times", key, len(vals)))
		case key == "db" && pathDB != "":
			errs = append(errs, fmt.Errorf("query key %q: database %s stands in the path already", key, pathDB))
		default:
			if err := parseInto(dst, vals[0]); err != nil {
				errs = append(errs, fmt.Errorf("query key %q: %w", key, err))
			}
		}
	}
	return errors.Join(errs...)
}

// database is the number of a database.
type database int

// parseInto reads v as a value of the type that dst points to.
func parseInto(dst any, v string) (err error) {
	n, notInt := strconv.Atoi(v)
	switch dst := dst.(type) {
	case *string:
		*dst = v
	case *bool:
		if *dst, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("value is %q, must be true or false", v)
		}
	case *int:
		if *dst = n; notInt != nil {
			return fmt.Errorf("value is %q, must be a number", v)
		}
	case *database:
		if *dst = database(n); notInt != nil || v[0] < '0' || v[0] > '9' {
			return fmt.Errorf("database is %q, must be a number from 0", v)
		}
	case *handoff.Mode:
		modes := []handoff.Mode{handoff.ModeAuto, handoff.ModeEnabled, handoff.ModeDisabled}
		i := slices.IndexFunc(modes, func(m handoff.Mode) bool { return v == m.String() })
		if i < 0 {
			return fmt.Errorf("value is %q, must be auto, enabled or disabled", v)
		}
		*dst = modes[i]
	case *time.Duration:
		switch {
		case v == "-1":
			*dst = -1
		case notInt == nil && n >= 0:
			if *dst, err = span(int64(n), time.Second); err != nil {
				return fmt.Errorf("value is %q, must be less than 292 years", v)
			}
		default:
			if *dst, err = time.ParseDuration(v); err != nil || *dst < 0 {
				return fmt.Errorf("value is %q, must be a duration such as 500ms, whole seconds, or -1 for none", v)
			}
		}
	}
	return nil
}
