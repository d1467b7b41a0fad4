import ToolHooks

// The schemas of the record, and of the verbs that do something.

extension Schemas {
    private static let row = Shape.object([
        .always("id", .integer), .always("op", .text), .always("at", .time), .always("age_s", .number),
        .always("kind", .text), .always("device", .text, "the device that the row tells of"),
        .always("device_name", .text), .maybe("round", .text), .maybe("token", .text), .always("summary", .text),
        .always("details", .text, "a JSON object whose values are text"),
        .always("hash", .text, "SHA-256 over this row and the hash of the one before"),
    ])

    private static let operation = Shape.object([
        .always("op", .text), .always("at", .time), .always("age_s", .number), .always("kind", .text),
        .always("by", .text), .always("by_name", .text), .always("what", .text), .always("result", .text),
        .maybe("took_s", .number), .maybe("round", .integer, "the number of a published round"),
        .maybe("round_id", .text), .always("rows", .integer),
    ])

    static let log = Schema(
        name: "baton.log/1", of: "baton log --json",
        shape: .object([
            .always("schema", .words(["baton.log/1"])), .always("rows", .list(row), "the oldest first"),
            .always("operations", .list(operation), "the newest first"),
        ]))

    static let logVerdict = Schema(
        name: "baton.log-verdict/1", of: "baton log --verify --json",
        shape: .object([
            .always("schema", .words(["baton.log-verdict/1"])), .always("whole", .flag), .always("rows", .integer),
            .maybe("first", .integer), .maybe("last", .integer),
            .maybe("cut_before", .integer, "rows up to here were dropped by age"), .always("unchained", .integer),
            .always("tip", .text), .maybe("broken_row", .integer), .maybe("broken_op", .text), .maybe("why", .text),
        ]))

    static let doctor = Schema(
        name: "baton.doctor/1", of: "baton doctor --json",
        shape: .object([
            .always("schema", .words(["baton.doctor/1"])),
            .always("worst", .words(["ok", "note", "bad"])),
            .always(
                "checks",
                .list(
                    .object([
                        .always("name", .text), .always("result", .words(["ok", "note", "bad"])),
                        .always("text", .text), .maybe("remedy", .text, "checked to apply"),
                    ]))),
        ]))

    static let recover = Schema(
        name: "baton.recover/1", of: "baton recover --json",
        shape: .object([
            .always("schema", .words(["baton.recover/1"])), .always("epoch", .text, "the mesh's, as of now"),
            .always("is_done", .flag, "false: it was only looked at"), .always("device", .text),
            .always("voters", .integer), .always("present", .integer, "voters that answer, this device included"),
            .always(
                "lost",
                .list(
                    .object([
                        .always("id", .text), .always("name", .text), .always("votes", .flag),
                        .maybe("last_seen_s", .number),
                    ]))),
            .always("rivals", .list(.text), "devices of another recovery of the same number"),
            .always("round", .integer), .maybe("head", .text, "where the mesh goes on"),
            .always("holds_head", .flag, "false: a newer head is known whose files are not here"),
            .maybe("age_s", .number, "of the last complete round"), .maybe("refusal", .text, "why it is not needed"),
            .always("last_index", .integer),
        ]))

    static let hooks = Schema(
        name: "baton.hooks/1", of: "baton hooks install|check|remove --json",
        shape: .object([
            .always("schema", .words(["baton.hooks/1"])),
            .always(
                "tools",
                .list(
                    .object([
                        .always("tool", .words(HookTool.allCases.map(\.rawValue))), .always("title", .text),
                        .always("state", .words(["installed", "outdated", "absent", "removed"])),
                        .always("file", .text), .maybe("backup", .text, "what was there before"),
                        .maybe("limitation", .text, "what this tool's hooks cannot do"),
                    ]))),
        ]))

    private static let settingShape = Shape.object([
        .always("key", .text), .always("value", .text), .always("standard", .text),
        .always("source", .words(["environment", "mesh", "device", "default"])), .always("about", .text),
        .maybe("scope", .words(["mesh", "device", "mesh_or_device"])), .maybe("allowed", .text),
        .maybe("example", .text), .maybe("environment", .text), .maybe("alias", .text),
    ])

    static let config = Schema(
        name: "baton.config/1", of: "baton config list --json",
        shape: .object([.always("items", .list(settingShape))]))

    static let setting = Schema(
        name: "baton.setting/1", of: "baton config get KEY --json", shape: settingShape)

    static let sync = Schema(
        name: "baton.sync/1", of: "baton sync --json",
        shape: .object([
            .always(
                "result",
                .words(["published", "nothing_to_do", "caught_up", "aborted", "requested", "in_step", "not_now"])),
            .always("round", .integer), .maybe("round_id", .text), .maybe("head", .text),
            .always("changed_files", .integer), .always("conflicts", .integer),
            .always("participants", .list(.text)), .always("left_out", .list(.text)), .always("took_s", .number),
            .maybe("why", .text),
        ]))

    static let explain = Schema(
        name: "baton.explain/1", of: "baton sync --explain --json",
        shape: .object([
            .always("round", .integer), .always("phase", .text), .maybe("last_ok_at", .time), .maybe("age_s", .number),
            .maybe("last_result", .text), .maybe("next_at", .time), .maybe("next_in_s", .number),
            .maybe("next_reason", .text), .maybe("paused_s", .number), .maybe("rules", .list(rule)),
        ]))

    static let handoff = Schema(
        name: "baton.handoff/1", of: "baton handoff --json",
        shape: .object([
            .always("device", .text), .always("name", .text), .always("token", .text), .always("took_s", .number),
        ]))

    static let invite = Schema(
        name: "baton.invite/1", of: "baton invite --json",
        shape: .object([.always("invite", .text), .always("expires_s", .number), .always("workspace_name", .text)]))

    private static let agent = Shape.object([
        .always("running", .flag), .always("started", .flag), .always("pid", .integer), .always("listen", .text),
    ])

    static let setup = Schema(
        name: "baton.setup/1", of: "baton init --json and baton join --json",
        shape: .object([
            .always("schema", .words(["baton.setup/1"])), .always("home", .text), .always("workspace", .text),
            .always("name", .text), .always("device", .text), .always("mesh", .text), .always("profile", .text),
            .always("branch", .text), .always("is_new", .flag), .always("check_words", .list(.text)),
            .maybe("inviter", .text), .maybe("agent", agent),
        ]))

    static let up = Schema(name: "baton.up/1", of: "baton up --json", shape: agent)

    static let down = Schema(
        name: "baton.down/1", of: "baton down --json",
        shape: .object([.always("running", .flag), .maybe("pid", .integer)]))

    static let version = Schema(
        name: "baton.version/1", of: "baton version --json", shape: .object([.always("version", .text)]))

    static let metrics = Schema(
        name: "baton.metrics/1", of: "baton metrics --json",
        shape: .object([.always("text", .text, "Prometheus text format 0.0.4")]))

    static let service = Schema(
        name: "baton.service/1", of: "baton service status --json",
        shape: .object([
            .always("schema", .words(["baton.service/1"])), .always("manager", .words(["systemd", "launchd"])),
            .always("unit", .text), .always("path", .text), .always("installed", .flag), .always("current", .flag),
            .maybe("state", .text, "as the manager names it"), .maybe("note", .text),
        ]))
}
