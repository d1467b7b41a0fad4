import ArgumentParser

struct SchemaCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of what a command prints with --json.",
        discussion: "Without a name: the names that there are. Fields are only ever added within a version.")

    @Argument(help: ArgumentHelp("For instance status, log, doctor.", valueName: "name")) var name: String?
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        guard let name else {
            let rows = Schemas.all.map { ($0.name, $0.of) }
            if global.json {
                console.out(try JSONText.of(rows.map(\.0), console))
            } else {
                var table = Table(columns: [Table.Column("NAME"), Table.Column("OF", readable: 20)])
                for (name, of) in rows { table.add([Table.Cell(name), Table.Cell(of)]) }
                console.out(table.lines(console.style).joined(separator: "\n"))
            }
            return Exit.done
        }
        guard let schema = Schemas.named(name) else {
            throw CommandFailure(Exit.usage, "there is no schema '\(name)'", hint: "see: baton schema")
        }
        console.out(schema.text)
        return Exit.done
    }
}
