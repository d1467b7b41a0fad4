import Commands

// baton: the program; its arguments, streams and exit code are those of the module Commands.
// Never: anything else. Start with Baton.swift.
@main
enum Baton {
    static func main() async { await CommandLineEntry.main() }
}
