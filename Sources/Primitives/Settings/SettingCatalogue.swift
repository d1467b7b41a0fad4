/// Every setting there is: a new one is a line here and a reader (`SettingLayers`, `SyncSettings`). A line without a
/// reader is a fault.
package enum SettingCatalogue {
    /// Sorted by name.
    package static let keys: [SettingKey] = [
        SettingKey(
            "apply.quarantine", .meshOrDevice, .flag, "on",
            "changes to files that make a device run code wait there for baton approve"),
        SettingKey(
            "filter.exclude", .mesh, .patterns, "",
            "what no device captures or puts in place; nothing is deleted by it",
            sample: "*.log build/"),
        SettingKey(
            "filter.include", .mesh, .patterns, "", "captured although filter.exclude or .gitignore leaves it out",
            sample: "build/report.md"),
        SettingKey(
            "filter.keep-here", .device, .patterns, "", "what this device keeps to itself, and leaves as it is",
            sample: "scratch/ local.env"),
        SettingKey(
            "filter.max-size", .meshOrDevice, .size(1...(1 << 40)), "1TiB", "larger files are not captured",
            sample: "100MiB"),
        SettingKey(
            "filter.types", .meshOrDevice, .words(SettingCatalogue.fileTypes), "",
            "kinds of files, by the ends of their names, that are not captured or put in place"),
        SettingKey(
            "merge.policies", .mesh, .rules(words: ["keep-both", "ours", "theirs", "union", "newest-round"]), "",
            "which version of a path stands where two devices changed it; the last pattern that matches counts",
            sample: "*.lock=theirs docs/**=union"),
        SettingKey(
            "metrics.listen", .device, .text(example: "127.0.0.1:9470"), "",
            "a loopback address on which metrics can be scraped; empty: none", sample: "127.0.0.1:9470"),
        SettingKey(
            "names.limits", .mesh, .words(SettingCatalogue.nameLimits), "",
            "names that some device cannot hold are held back; a device adds what it finds of its own disk",
            sample: "case unicode"),
        SettingKey(
            "pause.budget", .mesh, .duration(.milliseconds(50)...Limits.pauseMax), "2s",
            "a gate reopens after its capture when the pause lasts longer"),
        SettingKey(
            "pause.max", .mesh, .duration(.seconds(1)...Limits.pauseMax), Limits.pauseMax.settingText,
            "no pause lasts longer than this"),
        SettingKey(
            "retention.days", .meshOrDevice, .number(30...3650), "90",
            "captures and rounds older than so many days are let go on this device"),
        SettingKey(
            "retention.size", .meshOrDevice, .size((64 << 20)...(1 << 44)), "4GiB",
            "beyond this size of the store, what is older than 30 days goes too, the oldest first"),
        SettingKey(
            "sync.automatic", .mesh, .flag, "on", "rounds start by themselves; off: only when somebody asks for one"),
        SettingKey(
            "sync.max-wait", .mesh, .duration(.seconds(1)...(.seconds(3600))), "1m",
            "the longest that a change waits for quiet"),
        SettingKey(
            "sync.metered", .device, .choice(["auto", "on", "off"]), "auto",
            "the link of this device costs by the byte: no automatic round by it; auto: as NetworkManager says"),
        SettingKey(
            "sync.min-interval", .mesh, .duration(.seconds(1)...(.seconds(86_400)), plain: .seconds(60)), "5m",
            "the least time between two automatic rounds", alias: "sync.interval"),
        SettingKey(
            "sync.settle", .mesh, .duration(.zero ... .seconds(600)), "2s",
            "quiet time after the last change before an automatic round"),
    ]

    /// What `filter.types` can name.
    package static let fileTypes = ["archives", "disk-images", "links", "media"]

    /// What `names.limits` can name: disks that take `a` and `A`, or two ways to compose a letter, for one name, and
    /// what Windows reserves.
    package static let nameLimits = ["case", "unicode", "windows"]

    /// By its name or its older name.
    package static func key(named name: String) -> SettingKey? {
        keys.first { $0.name == name } ?? keys.first { $0.alias == name }
    }

    /// The same, or why there is none.
    package static func existing(_ name: String) throws(SettingProblem) -> SettingKey {
        guard let key = key(named: name) else {
            throw SettingProblem("there is no setting '\(name)'", hint: "see: baton config list")
        }
        return key
    }
}
