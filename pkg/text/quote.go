package text

// Quote returns a name from outside within double quotes, made harmless by Safe.
func Quote(s string) string { return `"` + Safe(s) + `"` }
