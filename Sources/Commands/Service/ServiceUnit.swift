import AgentRuntime

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Who starts the agent: one of the two service managers that users have.
enum ServiceManager: String, Sendable {
    case systemd, launchd

    static var here: ServiceManager {
        #if os(macOS)
            .launchd
        #else
            .systemd
        #endif
    }

    typealias Call = (tool: String, arguments: [String])

    func startCalls(_ unit: ServiceUnit) -> [Call] {
        switch self {
        case .systemd:
            [("systemctl", ["--user", "daemon-reload"]), ("systemctl", ["--user", "enable", "--now", unit.name])]
        case .launchd: [("launchctl", ["bootstrap", "gui/\(getuid())", unit.path])]
        }
    }

    func stopCalls(_ unit: ServiceUnit) -> [Call] {
        switch self {
        case .systemd: [("systemctl", ["--user", "disable", "--now", unit.name])]
        case .launchd: [("launchctl", ["bootout", "gui/\(getuid())", unit.path])]
        }
    }

    /// Prints a word for the state.
    func stateCall(_ unit: ServiceUnit) -> Call? {
        switch self {
        case .systemd: ("systemctl", ["--user", "is-active", unit.name])
        case .launchd: nil
        }
    }

    func startWords(_ unit: ServiceUnit) -> String {
        startCalls(unit).map { "\($0.tool) \($0.arguments.joined(separator: " "))" }.joined(separator: " && ")
    }

    /// Whether there is a manager of this user to talk to.
    func answers(path: String?) async -> Bool {
        switch self {
        case .systemd: await ToolRun.of("systemctl", ["--user", "show-environment"], path: path).status == 0
        case .launchd: await ToolRun.of("launchctl", ["print", "gui/\(getuid())"], path: path).status == 0
        }
    }
}

/// The unit of one home: its file, and what is in it.
struct ServiceUnit: Sendable {
    let manager: ServiceManager
    /// `baton.service`; of another home than the usual one, `baton-<eight digits of its path's hash>.service`.
    let name: String
    let folder: String
    let home: String
    let program: String
    var path: String { "\(folder)/\(name)" }

    static func here(home: Home, manager: ServiceManager = .here, _ console: Console) throws -> ServiceUnit {
        guard let program = Executable.path else {
            throw CommandFailure(
                Exit.failed, "this program does not find itself", hint: "start it by its whole path: /usr/bin/baton")
        }
        guard let user = console.environment("HOME"), user.hasPrefix("/") else {
            throw CommandFailure(Exit.usage, "HOME is not set", hint: "set it to your home directory")
        }
        for path in [home.path, program] where path.contains(where: { $0.isNewline }) {
            throw CommandFailure(Exit.failed, "a unit cannot name a path with a line end", hint: "move it: \(path)")
        }
        var usual = GlobalOptions()
        usual.home = nil
        var plain = console
        plain.environment = { $0 == "BATON_HOME" ? nil : console.environment($0) }
        let isUsual = (try? usual.homePath(plain)) == home.path
        let mark = isUsual ? "" : "-" + mark(of: home.path)
        switch manager {
        case .systemd:
            let config = console.environment("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
            return ServiceUnit(
                manager: manager, name: "baton\(mark).service", folder: (config ?? user + "/.config") + "/systemd/user",
                home: home.path, program: program)
        case .launchd:
            return ServiceUnit(
                manager: manager, name: "dev.baton.agent\(mark).plist", folder: user + "/Library/LaunchAgents",
                home: home.path, program: program)
        }
    }

    /// FNV-1a, 32 bits: tells homes apart, no more.
    private static func mark(of path: String) -> String {
        let hash = path.utf8.reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let text = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }

    var text: String {
        switch manager {
        case .systemd: systemd
        case .launchd: launchd
        }
    }

    /// `Restart=always` would fight with `baton down`; what a restart cannot mend is left alone: no mesh, wrong
    /// arguments, an incompatible peer.
    private var systemd: String {
        """
        # Written by: baton service install
        [Unit]
        Description=Baton: keeps a git workspace in step with your other devices
        Documentation=man:baton(1)
        StartLimitIntervalSec=300
        StartLimitBurst=10

        [Service]
        Type=notify
        NotifyAccess=main
        ExecStart=\(Self.quoted(program)) up --foreground --home \(Self.quoted(home))
        Restart=on-failure
        RestartSec=2
        RestartPreventExitStatus=4 10 64
        TimeoutStartSec=120
        TimeoutStopSec=60
        KillMode=mixed
        LimitNOFILE=8192

        [Install]
        WantedBy=default.target

        """
    }

    private var launchd: String {
        let label = name.hasSuffix(".plist") ? String(name.dropLast(6)) : name
        let words = [program, "up", "--foreground", "--home", home].map { "    <string>\(Self.xml($0))</string>" }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
            <plist version="1.0">
            <dict>
              <key>Label</key>
              <string>\(label)</string>
              <key>ProgramArguments</key>
              <array>
            \(words.joined(separator: "\n"))
              </array>
              <key>RunAtLoad</key>
              <true/>
              <key>KeepAlive</key>
              <dict>
                <key>SuccessfulExit</key>
                <false/>
              </dict>
              <key>ExitTimeOut</key>
              <integer>60</integer>
              <key>Umask</key>
              <integer>63</integer>
              <key>StandardErrorPath</key>
              <string>\(Self.xml(home))/agent.log</string>
            </dict>
            </plist>

            """
    }

    /// A word of a unit's command line: quoted, with `%`, `$` and what C strings escape made harmless.
    static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
            .replacing("$", with: "$$")
        return "\"\(escaped)\""
    }

    private static func xml(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    // MARK: The file

    var isInstalled: Bool { access(path, F_OK) == 0 }
    var isCurrent: Bool { SystemFiles.text(of: path, from: 0, atMost: 64 << 10) == text }

    /// False if it was there already, just so. The file is 0644: managers of some systems refuse others.
    func install() throws -> Bool {
        if isInstalled, isCurrent { return false }
        var made = ""
        for part in folder.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw failure("make \(made)") }
        }
        let draft = path + ".new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw failure("write \(draft)") }
        SystemStreams.write(text, to: descriptor)
        fchmod(descriptor, 0o644)
        fsync(descriptor)
        close(descriptor)
        guard SystemFiles.text(of: draft, from: 0, atMost: 64 << 10) == text, rename(draft, path) == 0 else {
            throw failure("write \(path)")
        }
        return true
    }

    func remove() throws { if unlink(path) != 0, errno != ENOENT { throw failure("remove \(path)") } }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(
            Exit.failed, "cannot \(what): \(String(cString: strerror(errno)))",
            hint: "check who owns it: ls -ld '\(folder)'")
    }
}
