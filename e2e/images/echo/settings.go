package main

import (
	"fmt"
	"time"
)

// settings are read from the environment once. An empty address means: no such listener.
type settings struct {
	http  string // HTTP/1.1, h2c, WebSocket and gRPC
	tls   string // the same over TLS, with ALPN h2 and http/1.1
	proxy string // like http, behind a PROXY protocol header (version 1 or 2), which is required

	certificate, key string // PEM files for the TLS listener

	drain time.Duration // after SIGTERM: /healthz says 503 and requests are still taken
	grace time.Duration // after that: how long requests under way may take

	pod, namespace, node, version string
}

func settingsFrom(env func(string) string) (settings, error) {
	s := settings{
		http:        or(env("ECHO_HTTP"), ":8080"),
		tls:         env("ECHO_TLS"),
		proxy:       env("ECHO_PROXY"),
		certificate: env("ECHO_TLS_CERT"),
		key:         env("ECHO_TLS_KEY"),
		pod:         env("POD_NAME"),
		namespace:   env("POD_NAMESPACE"),
		node:        env("NODE_NAME"),
		version:     env("VERSION"),
	}
	if s.tls == "" && s.certificate != "" {
		s.tls = ":8443"
	}
	if s.tls != "" && (s.certificate == "" || s.key == "") {
		return s, fmt.Errorf("the TLS listener needs ECHO_TLS_CERT and ECHO_TLS_KEY")
	}
	if s.pod == "" {
		s.pod = env("HOSTNAME")
	}
	var err error
	if s.drain, err = seconds("ECHO_DRAIN", env, 0); err != nil {
		return s, err
	}
	s.grace, err = seconds("ECHO_GRACE", env, 20*time.Second)
	return s, err
}

func seconds(name string, env func(string) string, otherwise time.Duration) (time.Duration, error) {
	text := env(name)
	if text == "" {
		return otherwise, nil
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%s=%q is not a duration such as 5s", name, text)
	}
	return value, nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
