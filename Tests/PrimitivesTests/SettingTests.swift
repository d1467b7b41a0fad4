import Testing

@testable import Primitives

@Suite struct SettingTests {
    @Test func everyLineOfTheCatalogueStands() {
        let names = SettingCatalogue.keys.map(\.name)
        #expect(names == names.sorted())
        #expect(zip(names, names.dropFirst()).allSatisfy { $0 != $1 })
        for key in SettingCatalogue.keys {
            #expect(key.kind.read(key.standard).map(key.kind.text) == key.standard, "the default of \(key.name)")
            #expect(key.kind.read(key.example) != nil, "the example of \(key.name)")
            #expect(key.name.utf8.count <= Limits.settingKeyBytes && !key.about.hasSuffix("."))
            #expect(key.environmentName.allSatisfy { $0.isUppercase || $0 == "_" })
        }
    }

    @Test(arguments: [
        (SettingKind.duration(.zero ... .seconds(600)), "60s", "1m"), (.duration(.zero ... .seconds(600)), "0s", "0s"),
        (.duration(.seconds(1)...(.seconds(86_400)), plain: .seconds(60)), "5", "5m"),
        (.size(1...(1 << 40)), "1024KiB", "1MiB"), (.size(0...(1 << 40)), "0B", "0B"), (.size(1...100), "7B", "7B"),
        (.number(0...100, unit: "%"), "20", "20%"), (.number(0...100, unit: "%"), "20%", "20%"), (.flag, "yes", "on"),
        (.flag, "off", "off"), (.choice(["follow", "leave"]), "leave", "leave"),
        (.patterns, "*.log  build/", "*.log build/"), (.patterns, "", ""),
        (.patterns, #""my notes/*" a\b"#, #""my notes/*" a\b"#), (.patterns, #""a\"b" "c""#, #""a\"b" c"#),
        (.rules(words: ["union", "ours"]), #"*.md=union "a b=c"=ours"#, #"*.md=union "a b=c"=ours"#),
        (.text(example: "x"), "ssh://host/path", "ssh://host/path"),
    ])
    func oneValueHasOneText(kind: SettingKind, text: String, canonical: String) {
        #expect(kind.read(text).map(kind.text) == canonical)
        #expect(kind.read(canonical) == kind.read(text))
    }

    @Test(arguments: [
        (SettingKind.duration(.seconds(1)...(.seconds(600))), "0s"), (.duration(.zero ... .seconds(600)), "5"),
        (.duration(.zero ... .seconds(600)), "1.5s"), (.size(1...100), "101B"), (.size(1...100), "1kB"),
        (.size(1...(.max)), "9999999999999999TiB"), (.size(1...100), "5"), (.number(0...100), "20%"),
        (.number(0...100), "-1"), (.number(0...100, unit: "%"), "101%"), (.number(0...100), "٣"), (.flag, "maybe"),
        (.flag, "ON"), (.choice(["follow"]), "Follow"), (.patterns, #""open"#), (.patterns, #"a"b"#),
        (.patterns, #""""#), (.patterns, #""a\n""#), (.rules(words: ["union"]), "*.md"),
        (.rules(words: ["union"]), "=union"), (.rules(words: ["union"]), "*.md=other"),
        (.rules(words: ["union"]), "*.md=union x"),
    ])
    func whatIsNoValueIsRefused(kind: SettingKind, text: String) { #expect(kind.read(text) == nil) }

    @Test func aRefusalSaysWhatIsAllowedAndShowsAnExample() throws {
        let key = try #require(SettingCatalogue.key(named: "sync.settle"))
        let problem = problem { () throws(SettingProblem) in try key.canonical("1h") }
        #expect(problem?.message == "'1h' is no value for sync.settle (0s to 10m)")
        #expect(problem?.hint == "for instance: baton config set sync.settle 2s")
        let long = self.problem { () throws(SettingProblem) in try key.canonical(String(repeating: "x", count: 5000)) }
        #expect(long?.message.contains("has 5000 bytes; at most 4096") == true)
        #expect(self.problem { () throws(SettingProblem) in try key.canonical("2s\n") } != nil)
        let unknown = self.problem { () throws(SettingProblem) in try SettingCatalogue.existing("sync.setle").name }
        #expect(unknown?.hint == "see: baton config list")
    }

    @Test func theOlderNameOfAnIntervalIsFound() {
        #expect(SettingCatalogue.key(named: "sync.interval")?.name == "sync.min-interval")
    }

    @Test func environmentIsStrongerThanMeshThanDeviceThanTheDefault() {
        let free = SettingKey("a.b-c", .meshOrDevice, .flag, "off", "")
        let ofMesh = SettingKey("a.b-c", .mesh, .flag, "off", "")
        let ofDevice = SettingKey("a.b-c", .device, .flag, "off", "")
        #expect(free.environmentName == "BATON_A_B_C")
        let on = [Setting(key: "a.b-c", value: "on")]
        let off = [Setting(key: "a.b-c", value: "off")]
        #expect(SettingLayers().effective(free) == (.flag(false), .standard))
        #expect(SettingLayers(device: on).effective(free) == (.flag(true), .device))
        #expect(SettingLayers(mesh: off, device: on).effective(free) == (.flag(false), .mesh))
        #expect(SettingLayers(environment: on, mesh: off).effective(free) == (.flag(true), .environment))
        #expect(SettingLayers(environment: on, device: on).effective(ofMesh).source == .standard)
        #expect(SettingLayers(mesh: on).effective(ofDevice).source == .standard)
        // A newer version's value is no value here.
        let newer = SettingLayers(mesh: [Setting(key: "a.b-c", value: "sometimes")], device: on)
        #expect(newer.effective(free).source == .device)
    }

    private func problem<Value>(_ body: () throws(SettingProblem) -> Value) -> SettingProblem? {
        do throws(SettingProblem) { _ = try body() } catch { return error }
        return nil
    }
}

@Suite struct DeviceSettingsFileTests {
    private let text = """
        # what this laptop keeps to itself
        filter.keep-here = "*.iso"   # large

        [sync]
        battery = 30
        metered = 'wait'
        """

    @Test func tablesQuotesNumbersAndCommentsAreRead() throws {
        let file = try DeviceSettingsFile(text)
        #expect(
            file.settings == [
                Setting(key: "filter.keep-here", value: "*.iso"), Setting(key: "sync.battery", value: "30"),
                Setting(key: "sync.metered", value: "wait"),
            ])
        #expect(file.text == text + "\n")
    }

    @Test func changingOneLeavesEveryOtherLine() throws {
        var file = try DeviceSettingsFile(text)
        try file.set("sync.battery", to: "40%")
        try file.set("hub.name", to: #"a "b" \"#)
        try file.set("filter.keep-here", to: nil)
        try file.set("no.such", to: nil)
        #expect(
            file.lines == [
                "# what this laptop keeps to itself", "", #"hub.name = "a \"b\" \\""#, "[sync]", #"battery = "40%""#,
                "metered = 'wait'",
            ])
        #expect(try DeviceSettingsFile(file.text) == file)
        #expect(file.settings.value(of: "hub.name") == #"a "b" \"#)
        var empty = try DeviceSettingsFile("")
        try empty.set("a.b", to: "1")
        #expect(empty.text == "a.b = \"1\"\n")
    }

    @Test(arguments: [
        "a", "a =", "= 1", "a = b", "a = \"open", "a = \"x\" y", "[open", "[]", "a..b = 1", "a = 1\na = 2", "ä = 1",
        "a = \"\\n\"",
    ])
    func whatIsNoSettingIsSaidWithItsLine(text: String) {
        #expect { try DeviceSettingsFile("\n" + text) } throws: { error in
            (error as? SettingProblem)?.message.hasPrefix("config.toml, line ") == true
        }
    }
}
