package frame

// What tests of streams need besides.
const MaxFrame = maxFrame

var NewVerifier = newVerifier
