package baton_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

const canary = "c4n4ry"

// vault is a provider that a user may write.
type vault struct{ Password string }

func (v vault) Credentials(context.Context) (baton.Credentials, error) {
	return baton.Credentials{Username: "me", Password: v.Password}, nil
}

// printed is x in every way that values are printed.
func printed(x any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%20v"} {
		out[verb] = fmt.Sprintf(verb, x)
	}
	encoded, _ := json.Marshal(x) // Client has functions, which is an error
	out["json"] = string(encoded)
	var buf bytes.Buffer
	for name, h := range map[string]slog.Handler{"slog text": slog.NewTextHandler(&buf, nil), "slog JSON": slog.NewJSONHandler(&buf, nil)} {
		buf.Reset()
		slog.New(h).Info("", "x", x)
		out[name] = buf.String()
	}
	return out
}

func TestPrintingShowsNoPassword(t *testing.T) {
	_, node := newLoopback(t, handofftest.Options{Password: "other"})
	plain := baton.Options{Addr: node.Addr(), Username: "me", Password: canary}
	asked := baton.Options{Addr: node.Addr(), Credentials: vault{canary}}
	keyed := baton.Options{Addr: node.Addr(), DialTimeout: time.Second, TLS: &tls.Config{Certificates: []tls.Certificate{{PrivateKey: vault{canary}}}}}
	for _, o := range []baton.Options{plain, asked, keyed} {
		o.Retry.For = -1
		c := open(t, o)
		assert.Equal(t, "baton.Client("+node.Addr()+")", fmt.Sprintf("%+v", c))
		_, refused := c.Get(t.Context(), "k")
		require.Error(t, refused)
		cr := baton.Credentials{Username: "me", Password: canary}
		_, wrong := baton.New(baton.Options{Addr: "::::", Username: "me", Password: canary, DB: -1})
		require.Error(t, wrong)
		for name, x := range map[string]any{
			"Options": o, "*Options": &o, "[]Options": []baton.Options{o}, "Client": c, "Credentials": cr, "*Credentials": &cr,
			"struct": struct{ O *baton.Options }{&o}, "Subscriber": c.Subscriber(baton.SubscribeOptions{}), "Handoffs": c.Handoffs(),
			"failure": refused, "failure of New": wrong,
		} {
			for how, text := range printed(x) {
				assert.NotContains(t, text, canary, "%s %s", name, how)
				assert.NotContains(t, text, fmt.Sprintf("%x", canary), "%s %s", name, how)
			}
		}
	}
	assert.Contains(t, printed(keyed.TLS)["%+v"], canary, "the control")
	assert.Contains(t, printed(vault{canary})["%+v"], canary, "the control")
	assert.Contains(t, fmt.Sprintf("%+v", plain), "Username:me Password:*** ", "the rest is there")
	assert.Contains(t, fmt.Sprintf("%+v", baton.Options{DB: 7}), "Password: Credentials:<nil> DB:7 ", "whether there is one is told")
	assert.Equal(t, `{me ***}`, fmt.Sprint(baton.Credentials{Username: "me", Password: canary}))
}

// Passwords with characters that end the host are the most frequent mistake in URLs. Each of these was taken for something else.
func TestURLWithARawPassword(t *testing.T) {
	for _, raw := range []string{
		"redis://u:12#" + canary + "@h/0", "redis://u:12?" + canary + "@h/0", "redis://u:12/" + canary + "@h/0", "redis://:1/" + canary + "@h?x=y",
		"redis:u:" + canary + "@h", canary + ":x@h:1", "u:" + canary + "@h:6379", "redis://u:" + canary + "%zz@h", "redis://u:1?pool_size=" + canary + "@h",
	} {
		o, err := baton.ParseURL(raw)
		require.Error(t, err, raw)
		assert.NotContains(t, err.Error(), canary, raw)
		assert.Zero(t, o.Addr)
	}
	o, err := baton.ParseURL("redis://u:%23%3F%2F%40+@h/3")
	require.NoError(t, err)
	assert.Equal(t, "#?/@+", o.Password)
}
