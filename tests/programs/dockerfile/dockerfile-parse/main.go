// Command dockerfile-parse reads Dockerfiles with BuildKit's own parser, which is what `docker build` reads them with, and
// prints what it can't read and what its linter warns of. No engine is needed, and nothing is built.
//
//	dockerfile-parse DOCKERFILE...
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	status := 0
	say := func(file string, problem any) {
		fmt.Printf("%s: %v\n", file, problem)
		status = 1
	}
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			say(file, err)
			continue
		}
		tree, err := parser.Parse(bytes.NewReader(text))
		if err != nil {
			say(file, err)
			continue
		}
		for _, warning := range tree.Warnings {
			say(file, warning.Short)
		}
		lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
			say(file, rule+": "+message)
		}})
		stages, _, err := instructions.Parse(tree.AST, lint)
		if err != nil {
			say(file, err)
			continue
		}
		for _, stage := range stages {
			fmt.Printf("%s: stage %q from %s, %d instructions\n", file, stage.Name, stage.BaseName, len(stage.Commands))
		}
	}
	os.Exit(status)
}
