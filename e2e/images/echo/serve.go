package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
)

type connectionKey struct{}

// serve runs until ctx is done and everything under way has ended, or settings.grace is over. ready, if given, is told the addresses
// by listener ("http", "tls", "proxy") once all accept connections.
func serve(ctx context.Context, s settings, log *slog.Logger, ready func(map[string]net.Addr)) error {
	listeners, err := listen(s)
	if err != nil {
		return err
	}
	ending, end := context.WithCancel(context.Background())
	defer end()
	health := newHealth()
	upgraded := &sync.WaitGroup{}
	server := &http.Server{
		Handler:     newHandler(s, health, log, ending, upgraded),
		Protocols:   new(http.Protocols),
		ConnContext: numbered(),
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)

	failed := make(chan error, len(listeners))
	addresses := map[string]net.Addr{}
	for name, listener := range listeners {
		addresses[name] = listener.Addr()
		go func() {
			if name == "tls" {
				failed <- server.ServeTLS(listener, s.certificate, s.key)
			} else {
				failed <- server.Serve(listener)
			}
		}()
		log.Info("listening", "listener", name, "address", listener.Addr().String(), "version", s.version)
	}
	if ready != nil {
		ready(addresses)
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("draining", "seconds", s.drain.Seconds())
	health.drain()
	time.Sleep(s.drain)
	log.Info("closing", "grace", s.grace.Seconds())
	end()
	return shutdown(server, upgraded, s.grace, log)
}

// shutdown lets requests and upgraded connections end; what has not after the grace is cut, which is an error.
func shutdown(server *http.Server, upgraded *sync.WaitGroup, grace time.Duration, log *slog.Logger) error {
	limit, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return errors.Join(fmt.Errorf("requests were cut after %s: %w", grace, err), server.Close())
	}
	done := make(chan struct{})
	go func() {
		upgraded.Wait()
		close(done)
	}()
	select {
	case <-done:
		log.Info("ended")
		return nil
	case <-limit.Done():
		return fmt.Errorf("upgraded connections were cut after %s", grace)
	}
}

func listen(s settings) (map[string]net.Listener, error) {
	listeners := map[string]net.Listener{}
	for name, address := range map[string]string{"http": s.http, "tls": s.tls, "proxy": s.proxy} {
		if address == "" {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, err
		}
		if name == "proxy" {
			require := func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) { return proxyproto.REQUIRE, nil }
			listener = &proxyproto.Listener{Listener: listener, ConnPolicy: require}
		}
		listeners[name] = listener
	}
	if s.tls != "" {
		if _, err := tls.LoadX509KeyPair(s.certificate, s.key); err != nil {
			return nil, err
		}
	}
	return listeners, nil
}

// numbered gives each connection a number, so that a test sees whether two requests shared one.
func numbered() func(context.Context, net.Conn) context.Context {
	var last atomic.Int64
	return func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, last.Add(1))
	}
}
