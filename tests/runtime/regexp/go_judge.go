// Compiles patterns and searches texts with Go's regexp package: one JSON document per line in, one out.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
)

type question struct {
	Pattern string
	Texts   []string
}

type answer struct {
	Error   string `json:"error"`
	Matches []bool `json:"matches"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		var a answer
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		compiled, err := regexp.Compile(q.Pattern)
		if err != nil {
			a.Error = err.Error()
		} else {
			for _, text := range q.Texts {
				a.Matches = append(a.Matches, compiled.MatchString(text))
			}
		}
		line, _ := json.Marshal(a)
		out.Write(append(line, '\n'))
	}
}
