package baton

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
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
// Query keys: db, client_name, protocol, disable_identity (true, false), dial_timeout, read_timeout, write_timeout (Go durations, or whole seconds; -1 is
// none), pool_size, min_idle, lanes, max_lifetime, max_idle_time, wait_timeout, retry_for, maint (auto, enabled, disabled). A key that
// is not listed is refused, as is one given twice, a database in path and query, a path that is no database, several hosts, a
// fragment, and what New would refuse. A host or port that is missing is localhost or 6379. An error never contains the password.
//
// Everything in a user name or password but letters, digits and -._~ must be percent-encoded, which
// url.UserPassword(user, password).String() does: a slash, a question mark or a # would end the host.
func ParseURL(raw string) (Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		if ue, ok := errs.As[*url.Error](err); ok { // its text would repeat the URL with the password
			err = ue.Err
		}
		return Options{}, fmt.Errorf("baton: invalid URL: %w", scrub(err, raw))
	}
	var o Options
	err = checkUser(raw, u)
	if err == nil {
		err = o.setURL(u)
	}
	if err == nil {
		err = errors.Unwrap(o.withDefaults().validate())
	}
	if err != nil {
		return Options{}, fmt.Errorf("baton: invalid URL: %w", scrub(err, u.Path+u.RawQuery+u.Fragment))
	}
	return o, nil
}

// checkUser refuses a second @: the part behind the first may be meant for the host.
func checkUser(raw string, u *url.URL) error {
	_, rest, _ := strings.Cut(raw, "//")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if u.User != nil && strings.Count(rest, "@") > 1 {
		return errors.New("has two @ in front of the path: in a user name or password it must be percent-encoded, as %40")
	}
	return nil
}

// scrub drops an error text that may repeat the password: an @ in what the text is about may be the one behind it, and a port
// that is none may be a password without its host.
func scrub(err error, part string) error {
	if strings.Contains(part, "@") || strings.HasPrefix(err.Error(), "invalid port") {
		return errors.New("cannot be parsed (details withheld, since it may contain a password, whose special characters must be percent-encoded)")
	}
	return err
}

func (o *Options) setURL(u *url.URL) error {
	if err := o.setScheme(u); err != nil {
		return err
	}
	if u.User != nil {
		o.Username = u.User.Username()
		o.Password, _ = u.User.Password()
		if o.Password == "" && o.Username != "" {
			return errors.New("user name without a password")
		}
	}
	return o.setQuery(u.RawQuery, pathDB(u))
}

func (o *Options) setScheme(u *url.URL) error {
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
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = defaultPort
	}
	o.Addr = net.JoinHostPort(host, port)
	if o.TLS != nil {
		o.TLS.ServerName = host
	}
	if db := pathDB(u); db != "" {
		return o.setDB(db)
	}
	return nil
}

// pathDB is the database that the path names, as it is written. One slash may follow.
func pathDB(u *url.URL) string {
	if u.Scheme == "unix" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
}

func (o *Options) setDB(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || s[0] < '0' || s[0] > '9' {
		return fmt.Errorf("database is %q, must be a number from 0", s)
	}
	o.DB = n
	return nil
}

// queryKeys are the settings a URL may carry. It is no variable: one that holds functions keeps them in every program, also
// in those without a URL.
func queryKeys() map[string]func(o *Options, v string) error {
	return map[string]func(o *Options, v string) error{
		"db":          (*Options).setDB,
		"client_name": func(o *Options, v string) error { o.ClientName = v; return nil },
		"protocol":    func(o *Options, v string) error { return setInt(&o.Protocol, v) },
		"disable_identity": func(o *Options, v string) (err error) {
			if o.DisableIdentity, err = strconv.ParseBool(v); err != nil {
				return fmt.Errorf("value is %q, must be true or false", v)
			}
			return nil
		},
		"dial_timeout":  func(o *Options, v string) error { return setDuration(&o.DialTimeout, v) },
		"read_timeout":  func(o *Options, v string) error { return setDuration(&o.ReadTimeout, v) },
		"write_timeout": func(o *Options, v string) error { return setDuration(&o.WriteTimeout, v) },
		"pool_size":     func(o *Options, v string) error { return setInt(&o.Pool.Size, v) },
		"min_idle":      func(o *Options, v string) error { return setInt(&o.Pool.MinIdle, v) },
		"lanes":         func(o *Options, v string) error { return setInt(&o.Pool.Lanes, v) },
		"max_lifetime":  func(o *Options, v string) error { return setDuration(&o.Pool.MaxLifetime, v) },
		"max_idle_time": func(o *Options, v string) error { return setDuration(&o.Pool.MaxIdleTime, v) },
		"wait_timeout":  func(o *Options, v string) error { return setDuration(&o.Pool.WaitTimeout, v) },
		"retry_for":     func(o *Options, v string) error { return setDuration(&o.Retry.For, v) },
		"maint":         setMaint,
	}
}

func (o *Options) setQuery(raw, pathDB string) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	keys := queryKeys()
	var errs []error
	for key, vals := range q {
		set, known := keys[key]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("unknown query key %q", key))
		case len(vals) != 1:
			errs = append(errs, fmt.Errorf("query key %q is given %d times", key, len(vals)))
		case key == "db" && pathDB != "":
			errs = append(errs, fmt.Errorf("query key %q: database %s stands in the path already", key, pathDB))
		default:
			if err := set(o, vals[0]); err != nil {
				errs = append(errs, fmt.Errorf("query key %q: %w", key, err))
			}
		}
	}
	return errors.Join(errs...)
}

func setInt(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil {
		return fmt.Errorf("value is %q, must be a number", v)
	}
	*dst = n
	return nil
}

func setDuration(dst *time.Duration, v string) error {
	if v == "-1" {
		*dst = -1
		return nil
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		if *dst, err = span(int64(n), time.Second); err != nil {
			return fmt.Errorf("value is %q, must be less than 292 years", v)
		}
		return nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return fmt.Errorf("value is %q, must be a duration such as 500ms, whole seconds, or -1 for none", v)
	}
	*dst = d
	return nil
}

func setMaint(o *Options, v string) error {
	switch v {
	case "auto":
		o.Handoff.Mode = handoff.ModeAuto
	case "enabled":
		o.Handoff.Mode = handoff.ModeEnabled
	case "disabled":
		o.Handoff.Mode = handoff.ModeDisabled
	default:
		return fmt.Errorf("value is %q, must be auto, enabled or disabled", v)
	}
	return nil
}
