import AgentRuntime

/// The schemas of every `--json` output: a verb that prints JSON has a line here, and a test that holds its real output
/// against it.
enum Schemas {
    static let all: [Schema] = [
        status, statusSync, statusWriters, log, logVerdict, doctor, devices, config, setting, sync, explain, handoff,
        invite, setup, up, down, version, metrics, service, hooks, conflicts, conflict, approve,
        recover,
    ]

    static func named(_ name: String) -> Schema? {
        all.first { $0.name == name || $0.name == "baton.\(name)/1" }
    }

    private static func words(_ name: String) -> Shape.Field { .always("schema", .words([name])) }

    // MARK: Status

    static let status = Schema(
        name: "baton.status/1", of: "baton status --json",
        shape: .object([
            words("baton.status/1"), .always("generated_at", .time),
            .always("view", .words(["quorum", "local"]), "local: as this device alone knows it"),
            .always("health", .words(StatusReport.healths), "the first word of baton status"),
            .always("reasons", .list(reason)),
            .always(
                "mesh",
                .object([
                    .always("id", .text), .always("name", .text), .always("epoch", .integer),
                    .always("members", .integer), .always("online", .integer), .always("quorum", .integer),
                    .always("profile", .text),
                ])),
            .always("self", .text, "this device's id"),
            .always(
                "leader",
                .orNull(
                    .object([
                        .always("device", .text), .always("token", .text, "the fencing token"),
                        .maybe("lease_remaining_s", .number, "on the leader itself"),
                    ]))),
            .always(
                "quorum_leader",
                .orNull(
                    .object([
                        .always("device", .text), .always("term", .integer), .always("commit_index", .integer),
                        .always("last_index", .integer),
                    ]))),
            .always("sync", syncState), .always("head", .orNull(.text), "the published revision"),
            .always("devices", .list(device)), .always("conflicts", openConflicts), .always("held", .list(held)),
            .maybe("left_out", leftOut, "what filters leave out on this device"),
            .maybe("deletions", .list(deletions), "what waits for baton allow --deletions, anywhere in the mesh"),
            .maybe("code", .list(.text), "what waits for baton approve on this device"),
            .always("workspace", .object([.always("root", .text), .always("branch", .text)])),
            .always(
                "agent",
                .object([
                    .always("pid", .integer), .always("version", .text), .always("uptime_s", .number),
                    .always("listen", .text), .always("refused_connections", .integer),
                    .always("refused_tokens", .integer),
                ])),
        ]))

    private static let reason = Shape.object([
        .always("code", .text), .always("text", .text), .maybe("fix", .text, "the command to type"),
    ])

    private static let syncState = Shape.object([
        .always("round", .integer, "the newest published round"),
        .always(
            "phase", .words(["idle", "paused", "prepare", "collect", "merge", "stage", "publish", "apply"])),
        .maybe("last_ok_at", .time), .maybe("age_s", .number), .maybe("last_result", .text),
        .maybe("next_at", .time), .maybe("next_in_s", .number), .maybe("next_reason", .text),
        .maybe("paused_s", .number, "how long writers here have been held"),
        .maybe("rules", .list(rule), "the scheduler's decision, rule by rule"),
    ])

    static let rule = Shape.object([
        .always("rule", .text), .always("value", .text), .always("limit", .text),
        .always("says", .words(["go", "wait", "slower", "blocks"])), .always("decides", .flag),
    ])

    private static let deviceSync = Shape.object([
        .always("state", .words(["up_to_date", "behind", "pending", "waiting", "unknown"])),
        .always("files_pending", .integer), .maybe("rounds_behind", .integer), .maybe("applied", .text),
        .maybe("waiting", .text, "why the head is not in place there"),
    ])

    private static let outsideWriter = Shape.object([
        .always("name", .text, "or unknown"), .always("pauses", .integer), .always("files", .integer),
        .always("last_s", .number),
    ])

    private static let writers = Shape.object([
        .always("active", .integer), .always("paused", .integer),
        .always("names", .list(.text), "of this device only"),
        .maybe("ungated", .integer, "programs that wrote while the gate was closed, of this device only"),
        .maybe("outside", .list(outsideWriter), "which"),
    ])

    private static let device = Shape.object([
        .always("id", .text), .always("name", .text), .always("role", .words(["leader", "voter", "learner"])),
        .always("state", .words(["online", "offline"])), .always("sync", deviceSync), .always("writers", writers),
        .maybe("last_seen_at", .time), .maybe("last_seen_s", .number), .maybe("via", .text),
        .maybe("dialed_here", .flag, "whether the link was opened from this device"),
        .maybe("dial_failure", .text, "why this device could not open a link to it"), .maybe("rtt_s", .number),
        .maybe("clock_offset_s", .number, "its wall clock minus ours"), .maybe("version", .text),
        .always("addresses", .list(.text)),
    ])

    private static let openConflicts = Shape.object([.always("open", .integer), .always("paths", .list(.text))])

    private static let held = Shape.object([
        .always("path", .text), .always("reason", .text), .always("can_be_allowed", .flag),
    ])

    private static let leftOut = Shape.object([
        .always("count", .integer),
        .always("paths", .list(.object([.always("path", .text), .always("rule", .text)])), "the first of them"),
    ])

    static let statusSync = Schema(
        name: "baton.status.sync/1", of: "baton status sync --json",
        shape: .object([
            words("baton.status.sync/1"), .always("generated_at", .time),
            .always("health", .words(StatusReport.healths)), .always("sync", syncState),
            .always("head", .orNull(.text)),
            .always(
                "devices",
                .list(
                    .object([
                        .always("id", .text), .always("name", .text), .always("state", .words(["online", "offline"])),
                        .always("sync", deviceSync),
                    ]))), .always("conflicts", openConflicts), .always("held", .list(held)),
        ]))

    static let statusWriters = Schema(
        name: "baton.status.writers/1", of: "baton status writers --json",
        shape: .object([
            words("baton.status.writers/1"), .always("generated_at", .time), .maybe("paused_s", .number),
            .always(
                "devices",
                .list(
                    .object([
                        .always("id", .text), .always("name", .text), .always("state", .words(["online", "offline"])),
                        .always("writers", writers),
                    ]))),
        ]))

    static let devices = Schema(
        name: "baton.devices/1", of: "baton devices --json",
        shape: .object([words("baton.devices/1"), .always("self", .text), .always("devices", .list(device))]))
}
