// Writes ../scalars.json: what kubectl's YAML reader, and go-yaml v3, make of plain scalars.
//
//	go run . ../scalars.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
	yaml2 "sigs.k8s.io/yaml/goyaml.v2"
)

// row is one line of the golden file.
type row struct {
	Text       string          `json:"text"`
	V2         json.RawMessage `json:"v2,omitempty"`
	V2Error    string          `json:"v2_error,omitempty"`
	V2Key      *string         `json:"v2_key"`
	V2KeyError string          `json:"v2_key_error,omitempty"`
	V3String   bool            `json:"v3_string"`
	// FlowString is true when v2 and v3 both read the text as this very
	// string at every place of a flow collection.
	FlowString bool `json:"flow_string"`
}

func main() {
	out := "../scalars.json"
	if len(os.Args) > 1 {
		out = os.Args[1]
	}
	var buf bytes.Buffer
	seen := map[string]bool{}
	count := 0
	for _, text := range scalars() {
		if seen[text] || !isPlain(text) {
			continue
		}
		seen[text] = true
		if count == 0 {
			buf.WriteString("[\n")
		} else {
			buf.WriteString(",\n")
		}
		buf.Write(line(read(text)))
		count++
	}
	buf.WriteString("\n]\n")
	if err := os.WriteFile(out, buf.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Println(count, "scalars")
}

func line(r row) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		log.Fatal(err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

func read(text string) row {
	r := row{Text: text}
	if doc, err := yaml.YAMLToJSON([]byte("v: " + text + "\n")); err != nil {
		r.V2Error = err.Error()
	} else {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(doc, &fields); err != nil || len(fields) != 1 {
			log.Fatalf("%q: not one field: %s", text, doc)
		}
		r.V2 = fields["v"]
	}
	if doc, err := yaml.YAMLToJSON([]byte(text + ": 1\n")); err != nil {
		r.V2KeyError = err.Error()
	} else {
		var fields map[string]int
		if err := json.Unmarshal(doc, &fields); err != nil || len(fields) != 1 {
			r.V2KeyError = "not a key: " + string(doc)
		}
		for key := range fields {
			r.V2Key = &key
		}
	}
	var v3 map[string]any
	if err := yaml3.Unmarshal([]byte("v: "+text+"\n"), &v3); err == nil {
		s, ok := v3["v"].(string)
		r.V3String = ok && s == text
	}
	r.FlowString = true
	for _, form := range []string{"[%s]", "[ %s, z]", "{a: %s}", "{a: %s, b: 1}", "{%s: a}"} {
		doc := []byte(fmt.Sprintf(form, text) + "\n")
		var two, three any
		if yaml2.Unmarshal(doc, &two) != nil || yaml3.Unmarshal(doc, &three) != nil ||
			!holds(two, text) || !holds(three, text) {
			r.FlowString = false
		}
	}
	return r
}

// holds is true when text is an item, key or value of the collection.
func holds(collection any, text string) bool {
	switch c := collection.(type) {
	case []any:
		return len(c) > 0 && c[0] == any(text)
	case map[any]any:
		_, key := c[text]
		return key || c["a"] == any(text)
	case map[string]any:
		_, key := c[text]
		return key || c["a"] == any(text)
	}
	return false
}

// isPlain is true when `v: text` has the whole text as one plain scalar.
func isPlain(text string) bool {
	if text == "" || strings.ContainsAny(text, "\n\r") {
		return false
	}
	var doc yaml3.Node
	if yaml3.Unmarshal([]byte("v: "+text+"\n"), &doc) != nil || len(doc.Content) != 1 {
		return false
	}
	root := doc.Content[0]
	if root.Kind != yaml3.MappingNode || len(root.Content) != 2 {
		return false
	}
	v := root.Content[1]
	return v.Kind == yaml3.ScalarNode && v.Style == 0 && v.Value == text && v.Anchor == ""
}
