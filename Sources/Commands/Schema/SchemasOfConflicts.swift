// The schemas of what waits for a person.

extension Schemas {
    static let deletions = Shape.object([
        .always("id", .text, "names this very set of files"), .always("device", .text), .always("name", .text),
        .always("of_round", .flag), .always("deleted", .integer), .always("files", .integer),
    ])

    private static let conflictVersion = Shape.object([
        .maybe("device", .text), .always("name", .text), .maybe("bytes", .integer, "missing: no file"),
        .maybe("added", .integer), .maybe("removed", .integer), .maybe("captured_at", .time),
        .maybe("age_s", .number),
    ])

    private static let openConflict = Shape.object([
        .always("number", .integer, "the same on every device, never used twice"), .always("id", .text),
        .maybe("path", .text, "missing: the revision is not on this device yet"),
        .maybe("kind", .words(["content", "added", "type", "file-and-folder"])), .always("round", .integer),
        .maybe("age_s", .number),
        .always("versions", .list(conflictVersion), "the one that stood when it arose, the other"),
        .maybe("standing", .words(["first", "second", "edited", "gone", "folder"]), "what is in the file here"),
    ])

    static let conflicts = Schema(
        name: "baton.conflicts/1", of: "baton conflicts --json",
        shape: .object([
            .always("schema", .words(["baton.conflicts/1"])), .always("open", .integer),
            .always("unlisted", .integer, "of these, how many found no room in the list"),
            .always("conflicts", .list(openConflict)), .always("has_more", .flag),
        ]))

    static let conflict = Schema(
        name: "baton.conflict/1", of: "baton conflicts show CONFLICT --json",
        shape: .object([
            .always("schema", .words(["baton.conflict/1"])), .always("conflict", openConflict),
            .maybe("difference", .text, "hunks of a unified difference"), .always("is_cut", .flag),
        ]))

    static let approve = Schema(
        name: "baton.approve/1", of: "baton approve --json",
        shape: .object([
            .always("schema", .words(["baton.approve/1"])),
            .always(
                "waiting",
                .list(
                    .object([
                        .always("path", .text), .always("is_new", .flag), .maybe("added", .integer),
                        .maybe("removed", .integer), .maybe("difference", .text),
                    ]))),
            .always("approved", .list(.text)), .always("late", .list(.text), "left alone: somebody edits it"),
        ]))
}
