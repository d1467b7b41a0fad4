import Glibc
import Primitives

/// git as it talks to one hub. Hermetic as everywhere, but for what reaching a hub needs: the user's home, agents and
/// credential helpers. It asks nobody anything, runs no hook, and may use this one transport only.
struct HubGit: Sendable {
    let store: Store
    let address: HubAddress
    let names: HubRefNames
    private let settings: [(String, String)]
    private let variables: [String]

    /// - Parameter extra: settings over all others, for tests.
    init(_ store: Store, _ address: HubAddress, extra: [(String, String)] = []) {
        self.store = store
        self.address = address
        names = HubRefNames(address)
        let user = UserGitSettings.read(store.installation)
        settings =
            [("protocol.version", "2"), ("protocol.\(address.transport.rawValue).allow", "always")]
            + user.allowed + extra
        variables = Self.variables(sshCommand: user.sshCommand)
    }

    /// What is passed on of the agent's own environment: where the user's keys, agents and proxies are.
    private static let passedOn = [
        "HOME", "USER", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME",
        "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "http_proxy", "https_proxy", "HTTPS_PROXY",
        "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ]

    private static func variables(sshCommand: String?) -> [String] {
        let own = passedOn.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        let ssh =
            "\(sshCommand ?? "ssh") -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 "
            + "-o ServerAliveCountMax=3"
        return ["GIT_SSH_COMMAND=\(ssh)", "SSH_ASKPASS_REQUIRE=never", "GCM_INTERACTIVE=never"] + own
    }

    func git(over git: HermeticGit) -> HermeticGit { git.with(settings: settings, variables) }

    /// The other side of a path is a child of ours, and git hands it our settings: a hub is served with its own ones.
    private func served(by program: String, option: String) -> [String] {
        guard address.transport == .file else { return [] }
        let ours = ["COUNT", "NOSYSTEM", "SYSTEM", "GLOBAL"].map { "-u GIT_CONFIG_\($0)" }
        return ["--\(option)=env \(ours.joined(separator: " ")) git \(program)"]
    }

    /// Options of a `fetch` or `ls-remote`.
    var reading: [String] { served(by: "upload-pack", option: "upload-pack") }

    /// Runs a push. Its exit status says little: the porcelain lines do.
    /// - Parameter arguments: behind `push --porcelain`.
    func push(_ arguments: [String], _ cancellation: Cancellation) throws(GitError) -> GitResult {
        try git(over: store.git).runBlocking(
            ["push", "--porcelain"] + served(by: "receive-pack", option: "receive-pack") + arguments,
            accepting: Array(0...255), deadline: Limits.hubPushDeadline, cancellation: cancellation)
    }

    func failure(_ name: String, _ result: GitResult) -> GitError {
        GitError(
            .failed(status: result.status), message: "the hub was not reached (git \(name))",
            meaning: result.errors.isEmpty ? "git gave no reason" : result.errors,
            hint: "try it by hand: git ls-remote \(address.url)")
    }
}

/// What is taken over of the user's git configuration: how to prove who they are, and how the network is to be used.
/// Not `url.*.insteadOf`: the hub's URL is the same for every device of the mesh, and it was checked as it stands.
struct UserGitSettings: Sendable {
    var allowed: [(String, String)] = []
    var sshCommand: String?
    /// What the user's git would make of an URL: prefix and what stands for it.
    var rewrites: [(prefix: String, by: String)] = []

    static func read(_ installation: GitInstallation) -> UserGitSettings {
        let names = ["HOME", "XDG_CONFIG_HOME", "PATH"]
        let own = names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        let pattern = "^(credential|http|ssh|url)\\.|^core\\.sshcommand$"
        do throws(GitError) {
            var run = try ChildRun(
                path: installation.path, arguments: ["-C", "/", "config", "--includes", "-z", "--get-regexp", pattern],
                environment: own + ["LC_ALL=C", "GIT_DIR=/dev/null"], name: "config", input: .bytes([]),
                output: .collect, extra: [], allowed: .seconds(10), cancellation: Cancellation())
            return UserGitSettings(try run.run().output)
        } catch { return UserGitSettings() }
    }

    init() {}

    init(_ output: [UInt8]) {
        for record in output.split(separator: 0) {
            let parts = record.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first else { continue }
            let key = String(decoding: first, as: UTF8.self)
            // A key without a value means true.
            let value = parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : "true"
            switch key.lowercased() {
            case "core.sshcommand": sshCommand = value
            case let name where name.hasPrefix("url."):
                guard let dot = key.lastIndex(of: "."), name.hasSuffix("insteadof") else { continue }
                rewrites.append((value, String(key[key.index(key.startIndex, offsetBy: 4)..<dot])))
            default: allowed.append((key, value))
            }
        }
    }

    /// What the user's own git would use instead of this URL; nil if it would use it as it is.
    func rewritten(_ url: String) -> String? {
        let fitting = rewrites.filter { url.hasPrefix($0.prefix) }.max { $0.prefix.count < $1.prefix.count }
        return fitting.map { $0.by + url.dropFirst($0.prefix.count) }
    }
}
