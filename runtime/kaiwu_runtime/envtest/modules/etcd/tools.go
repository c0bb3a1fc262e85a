//go:build tools

// Package tools names the program that is built, so that the go tool keeps its modules in go.mod and go.sum.
package tools

import _ "go.etcd.io/etcd/server/v3"
