// echo answers every request with what it received, as JSON, and behaves badly when asked to: the upstream of end-to-end tests.
// What it understands is written in docs/image.md, section "echo".
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(runClient(os.Args[1:]))
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	settings, err := settingsFrom(os.Getenv)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		err = serve(ctx, settings, log, nil)
	}
	if err != nil {
		log.Error("echo failed", "error", err.Error())
		os.Exit(1)
	}
}
