// Verifies chains as a Go program does: one line of arguments each on standard input, one verdict each on standard output.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"
)

func verify(chain, key, roots, usage, name, at string) error {
	content, err := os.ReadFile(chain)
	if err != nil {
		return err
	}
	if _, err := tls.LoadX509KeyPair(chain, key); err != nil {
		return err
	}
	authorities, err := os.ReadFile(roots)
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: name}
	options.Roots.AppendCertsFromPEM(authorities)
	options.CurrentTime, err = time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if usage == "client" {
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	var leaf *x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if leaf == nil {
			leaf = certificate
		} else {
			options.Intermediates.AddCert(certificate)
		}
	}
	_, err = leaf.Verify(options)
	return err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		if err := verify(words[0], words[1], words[2], words[3], words[4], words[5]); err != nil {
			fmt.Printf("refused: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("accepted")
		}
	}
}
