package baton_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

func TestParseURL(t *testing.T) {
	tls12 := func(name string) *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name} }
	tests := map[string]baton.Options{
		"redis://":                           {Addr: "localhost:6379"},
		"redis://h":                          {Addr: "h:6379"},
		"redis://:7000":                      {Addr: "localhost:7000"},
		"redis://h/3/":                       {Addr: "h:6379", DB: 3},
		"redis://h/?db=3":                    {Addr: "h:6379", DB: 3},
		"redis://:a,b@h":                     {Addr: "h:6379", Password: "a,b"},
		"valkey://h:7000/3":                  {Addr: "h:7000", DB: 3},
		"redis://u:p%40ss@h/":                {Addr: "h:6379", Username: "u", Password: "p@ss"},
		"redis://:pw@h":                      {Addr: "h:6379", Password: "pw"},
		"redis://[::1]:7000":                 {Addr: "[::1]:7000"},
		"rediss://h":                         {Addr: "h:6379", TLS: tls12("h")},
		"valkeys://[2001:db8::5]:1":          {Addr: "[2001:db8::5]:1", TLS: tls12("2001:db8::5")},
		"unix:///run/r.sock?db=4":            {Network: "unix", Addr: "/run/r.sock", DB: 4},
		"redis://h?protocol=3&maint=enabled": {Addr: "h:6379", Protocol: 3, Handoff: handoff.Config{Mode: handoff.ModeEnabled}},
		"redis://h?read_timeout=500ms&dial_timeout=2&write_timeout=-1": {Addr: "h:6379", ReadTimeout: 500 * time.Millisecond,
			DialTimeout: 2 * time.Second},
		"redis://h?disable_identity=true&protocol=2": {Addr: "h:6379", DisableIdentity: true, Protocol: 2},
		"redis://h?retry_for=2":                      {Addr: "h:6379", Retry: baton.RetryPolicy{For: 2 * time.Second}},
		"redis://h?pool_size=7&min_idle=2&lanes=3&client_name=x": {Addr: "h:6379", ClientName: "x",
			Pool: pool.Config{Size: 7, MinIdle: 2, Lanes: 3}},
	}
	for url, want := range tests {
		got, err := baton.ParseURL(url)
		require.NoError(t, err, url)
		assert.Equal(t, want, got, url)
	}
}

func TestParseURLRefuses(t *testing.T) {
	tests := map[string]string{
		"http://h":                           `scheme is "http"`,
		"h:6379":                             "scheme",
		"":                                   "scheme",
		"redis://h/x":                        `database is "x"`,
		"redis://h/-1":                       `database is "-1"`,
		"redis://h?pool=7":                   `unknown query key "pool"`,
		"redis://h?db=1&db=2":                `query key "db" is given 2 times`,
		"redis://h?pool_size=many":           `value is "many"`,
		"redis://h/1?db=2":                   "database 1 stands in the path already",
		"redis://h?read_timeout=soon":        `value is "soon"`,
		"redis://h?write_timeout=soon":       `value is "soon"`,
		"redis://h?maint=maybe":              `value is "maybe"`,
		"redis://u@h":                        "without a password",
		"unix://host/path":                   "absolute path",
		"redis://u:se%zzcret@h":              "withheld",
		"redis://u:secret@h:port":            "withheld",
		"redis://u:secret":                   "withheld",
		"rediss://:secret/0":                 "withheld",
		"redis://u:secret@h?nonsense=1":      "unknown query key",
		"redis://u:secret@h\x7f":             "withheld",
		"redis:h:6379":                       "two slashes",
		"redis://h/3#x":                      "fragment",
		"redis://h?read_timeout=9223372037":  "292 years",
		"redis://h/0?db=2":                   "database 0 stands in the path already",
		"redis://h/0?db=0":                   "database 0 stands in the path already",
		"redis://h/?db=-0":                   `database is "-0"`,
		"redis://h/+1":                       `database is "+1"`,
		"redis://h/-0":                       `database is "-0"`,
		"redis://h?db=%2B1":                  `database is "+1"`,
		"redis://h?db=":                      `database is ""`,
		"redis://h/0/1":                      `database is "0/1"`,
		"redis://h/0x1":                      `database is "0x1"`,
		"redis://h//1":                       `database is "/1"`,
		"redis://h/a/../1":                   `database is "a/../1"`,
		"redis://h/1%2F":                     `database is "1%2F"`,
		"redis://h/1%20":                     `database is "1%20"`,
		"redis://h/99999999999999999999":     "database is",
		"redis://h,h2:6379":                  `names several hosts, "h,h2"`,
		"rediss://h,h2":                      "several hosts",
		"redis://h:1,h2:2":                   "invalid URL",
		"redis://:secret@h,h2/0":             "several hosts",
		"redis://u:secret@v:secret@h":        "two @ in front of the path",
		"redis://h:":                         "port is empty",
		"redis://:":                          "port is empty",
		"redis://h:0":                        "port must be from 1 to 65535",
		"redis://h:65536":                    "port must be from 1 to 65535",
		"redis://::1":                        "invalid URL",
		"redis://::1:6379":                   "invalid URL",
		"redis://[::1":                       "invalid URL",
		" redis://h":                         "invalid URL",
		"redis://h h2":                       "invalid URL",
		"redis://h\n":                        "invalid URL",
		"redis://h%0a":                       "invalid URL",
		"redis://h?client_name=a%20b":        "without blanks",
		"redis://h?protocol=4":               "Protocol is 4",
		"redis://h?protocol=2&maint=enabled": "maintenance notifications need RESP3",
		"redis://h?pool_size=2&min_idle=5":   "MinIdle",
		"redis://h?pool_size=-2":             "Size is -2",
		"redis://h?read_timeout=-5s":         `value is "-5s"`,
		"redis://h?read_timeout=-2":          `value is "-2"`,
		"redis://h?read_timeout=9999999h":    `value is "9999999h"`,
		"redis://h?read_timeout=":            `value is ""`,
		"redis://h?read_timeout=1%20s":       `value is "1 s"`,
		"redis://h?DB=1":                     `unknown query key "DB"`,
		"redis://h?db=1;lanes=2":             "query",
		"rediss:///run/redis.sock":           "database is",
		"unix://":                            "absolute path",
		"unix:///":                           "absolute path",
		"unix:///a%00b":                      "control character",
		"unix:///s?db=1&db=1":                "given 2 times",
	}
	for url, want := range tests {
		_, err := baton.ParseURL(url)
		require.ErrorContains(t, err, want, url)
		assert.NotContains(t, err.Error(), "cret", url)
	}
}

func TestImpossibleOptionsAreAllNamed(t *testing.T) {
	_, err := baton.New(baton.Options{
		Network: "udp", DB: -1, Protocol: 5, Username: "u", ClientName: "a b",
		Pool:   pool.Config{Size: -3},
		Retry:  baton.RetryPolicy{UpTo: baton.Never, For: 25 * time.Hour},
		Limits: resp3.Limits{MaxDepth: -1}, Handoff: handoff.Config{MaxWorkers: -2},
	})
	for _, part := range []string{`"udp"`, "DB is -1", "Protocol is 5", `Username is "u"`, `ClientName is "a b"`, "Size is -3", "UpTo is 4", "Retry.For is 25h0m0s, must be at most 24h0m0s", "MaxDepth", "MaxWorkers is -2"} {
		assert.ErrorContains(t, err, part)
	}
	for _, o := range []baton.Options{
		{Addr: "host:port:more"}, {Addr: "h:99999"}, {Addr: "h:0"}, {Addr: "h:"}, {Addr: "h,h2:6379"}, {Addr: "h:1,h2:2"}, {Addr: "h h2"}, {Addr: "h\n"}, {Network: "unix"}, {Pool: pool.Config{Size: 1 << 40}},
		{Retry: baton.RetryPolicy{MinBackoff: time.Second, MaxBackoff: time.Millisecond}}, {Retry: baton.RetryPolicy{MaxBackoff: 2 * time.Hour}}, {Retry: baton.RetryPolicy{For: 25 * time.Hour}}, {Network: "unix", Addr: "/s", TLS: &tls.Config{}},
		{Protocol: 2, Handoff: handoff.Config{Mode: handoff.ModeEnabled}},
		{Handoff: handoff.Config{MaxWorkers: -1}},
	} {
		_, err := baton.New(o)
		assert.Error(t, err, "%+v", o)
	}
}

func TestAddressThatIsAURLIsNotRepeated(t *testing.T) {
	for _, addr := range []string{"redis://u:secret@h:6379", "u:secret@h:6379", "u:secret@h", "redis://h?password=secret"} {
		_, err := baton.New(baton.Options{Addr: addr})
		assert.ErrorContains(t, err, "Addr must be host:port, not a URL", addr)
		assert.NotContains(t, err.Error(), "cret", addr)
	}
}

// Each of these is all that was set.
func TestOneSettingAloneIsEnough(t *testing.T) {
	for _, o := range []baton.Options{
		{Retry: baton.RetryPolicy{MaxBackoff: -1}}, {Retry: baton.RetryPolicy{MinBackoff: -1}}, {Retry: baton.RetryPolicy{MaxBackoff: time.Millisecond}},
		{Retry: baton.RetryPolicy{MinBackoff: time.Second}}, {Retry: baton.RetryPolicy{Max: -1}}, {Retry: baton.RetryPolicy{Tx: -1}},
		{Retry: baton.RetryPolicy{For: -1}}, {Retry: baton.RetryPolicy{For: time.Hour}},
		{Pool: pool.Config{Size: 1}}, {Pool: pool.Config{Size: 2}}, {Pool: pool.Config{Blocking: 1}}, {Pool: pool.Config{MaxDialing: 1}},
		{Pool: pool.Config{WaitTimeout: -1, MaxIdleTime: -1, MaxLifetime: -1}}, {DialTimeout: -1}, {ReadTimeout: -1}, {MaxSubscriptions: -1},
	} {
		c, err := baton.New(o)
		if assert.NoError(t, err, "%+v", o) {
			c.Close()
		}
	}
}

func TestAddressMayLackThePort(t *testing.T) {
	for _, addr := range []string{"h", "127.0.0.1", "::1", "[::1]"} {
		c, err := baton.New(baton.Options{Addr: addr})
		if assert.NoError(t, err, addr) {
			c.Close()
		}
	}
}
