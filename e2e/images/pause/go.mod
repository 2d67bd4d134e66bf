module haloy.dev/e2e/images/pause

go 1.24
