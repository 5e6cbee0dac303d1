// Command descriptors writes one protobuf FileDescriptorSet with the Envoy, xDS and Istio APIs at the versions pinned
// in go.mod. It reads the descriptor bytes out of the modules' generated Go files, so nothing has to be compiled.
package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// What Isthmus speaks; what these import is added by need.
var roots = regexp.MustCompile(`^(envoy/.*/v3(alpha)?/|mesh/v1alpha1/|networking/v1alpha3/|security/v1(alpha1|beta1)/|telemetry/v1alpha1/|extensions/v1alpha1/|type/v1beta1/|meta/v1alpha1/|analysis/v1alpha1/)`)

func main() {
	found := map[string]*descriptorpb.FileDescriptorProto{}
	dirs, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "all").Output()
	if err != nil {
		log.Fatal(err)
	}
	for _, dir := range strings.Fields(string(dirs)) {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".pb.go") && !strings.Contains(path, "testdata") {
				if f := descriptorIn(path); f != nil && found[f.GetName()] == nil {
					found[f.GetName()] = f
				}
			}
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	set, added := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	// buf wants every file after the files that it imports.
	var add func(name, importer string)
	add = func(name, importer string) {
		if added[name] {
			return
		}
		added[name] = true
		f := found[name]
		if f == nil {
			log.Fatalf("%s imports %s, which no module in go.mod provides", importer, name)
		}
		for _, d := range f.Dependency {
			add(d, name)
		}
		set.File = append(set.File, f)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if roots.MatchString(name) && !strings.Contains(name, "/v2") {
			add(name, "")
		}
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], out, 0o644); err != nil {
		log.Fatal(err)
	}
}

// descriptorIn returns the file descriptor that a generated Go file carries, or nil when it carries none.
func descriptorIn(path string) *descriptorpb.FileDescriptorProto {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		log.Fatal(err)
	}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 || !strings.HasSuffix(v.Names[0].Name, "_rawDesc") {
				continue
			}
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(bytesOf(v.Values[0]), f); err != nil {
				log.Fatalf("%s: %v", path, err)
			}
			return f
		}
	}
	return nil
}

// bytesOf evaluates the three forms in which protoc-gen-go has written descriptors: a string constant, a byte slice,
// and a byte slice turned to a string.
func bytesOf(e ast.Expr) []byte {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			if err != nil {
				log.Fatal(err)
			}
			return []byte(s)
		}
		n, err := strconv.ParseUint(e.Value, 0, 8)
		if err != nil {
			log.Fatal(err)
		}
		return []byte{byte(n)}
	case *ast.BinaryExpr:
		return append(bytesOf(e.X), bytesOf(e.Y)...)
	case *ast.CallExpr:
		return bytesOf(e.Args[0])
	case *ast.CompositeLit:
		var out []byte
		for _, x := range e.Elts {
			out = append(out, bytesOf(x)...)
		}
		return out
	}
	return nil
}
