module isthmus.local/conformance/probe

go 1.24.0
