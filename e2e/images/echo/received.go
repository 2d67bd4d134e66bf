package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"
)

const bodyShown = 4096

// received is the answer: what came in, as it came in.
type received struct {
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Node      string `json:"node"`
	Version   string `json:"version"`

	Method  string              `json:"method"`
	Target  string              `json:"target"` // of the request line, as sent
	Path    string              `json:"path"`   // decoded
	Query   map[string][]string `json:"query"`
	Host    string              `json:"host"`
	Proto   string              `json:"proto"`   // HTTP/1.1 or HTTP/2.0
	Headers map[string][]string `json:"headers"` // names in lower case

	Body       string              `json:"body"` // the first 4096 bytes, if they are text
	BodyLength int64               `json:"bodyLength"`
	BodySHA256 string              `json:"bodySha256"`
	Trailers   map[string][]string `json:"trailers"`

	Client     string       `json:"client"` // address:port of the connection, or as its PROXY header says
	Server     string       `json:"server"` // address:port it came in at
	Connection int64        `json:"connection"`
	TLS        *receivedTLS `json:"tls"` // null without TLS
}

type receivedTLS struct {
	Version           string `json:"version"`
	ServerName        string `json:"serverName"`
	Protocol          string `json:"protocol"` // by ALPN
	CipherSuite       string `json:"cipherSuite"`
	ClientCertificate string `json:"clientCertificate"` // its subject, not verified; empty: none
}

// receive reads the whole body.
func receive(r *http.Request, s settings) (received, error) {
	shown := &limited{most: bodyShown}
	sum := sha256.New()
	length, err := io.Copy(io.MultiWriter(sum, shown), r.Body)
	if err != nil {
		return received{}, err
	}
	number, _ := r.Context().Value(connectionKey{}).(int64)
	answer := received{
		Pod: s.pod, Namespace: s.namespace, Node: s.node, Version: s.version,
		Method: r.Method, Target: r.RequestURI, Path: r.URL.Path, Query: r.URL.Query(),
		Host: r.Host, Proto: r.Proto, Headers: lower(r.Header),
		BodyLength: length, BodySHA256: hex.EncodeToString(sum.Sum(nil)), Trailers: lower(r.Trailer),
		Client: r.RemoteAddr, Connection: number,
	}
	if utf8.Valid(shown.bytes) {
		answer.Body = string(shown.bytes)
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		answer.Server = local.String()
	}
	if r.TLS != nil {
		answer.TLS = &receivedTLS{
			Version: tls.VersionName(r.TLS.Version), ServerName: r.TLS.ServerName,
			Protocol: r.TLS.NegotiatedProtocol, CipherSuite: tls.CipherSuiteName(r.TLS.CipherSuite),
		}
		if len(r.TLS.PeerCertificates) > 0 {
			answer.TLS.ClientCertificate = r.TLS.PeerCertificates[0].Subject.String()
		}
	}
	return answer, nil
}

func lower(headers http.Header) map[string][]string {
	names := make(map[string][]string, len(headers))
	for name, values := range headers {
		names[strings.ToLower(name)] = values
	}
	return names
}

// limited keeps the first bytes and forgets the rest.
type limited struct {
	bytes []byte
	most  int
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - len(l.bytes); room > 0 {
		l.bytes = append(l.bytes, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
