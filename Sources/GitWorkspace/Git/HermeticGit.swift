import Glibc
import Primitives

package struct GitResult: Sendable {
    package var status: Int32
    package var output: [UInt8]
    /// The first lines of what it said, for people; never parsed.
    package var errors: String
}

/// git as a function: same arguments and same repository, same result, whatever the machine's or the user's
/// configuration says. Every call has a deadline, a process group of its own, and is killed with all its children.
package struct HermeticGit: Sendable {
    package let installation: GitInstallation
    package let gitDirectory: String
    package let workTree: String?
    private let environment: [String]

    /// - Parameters:
    ///   - gitDirectory: absolute path of the repository (`.git` or a bare one). It need not exist yet.
    ///   - workTree: absolute path, for the few commands that read a working tree.
    ///   - indexFile: absolute path of a staging index other than the repository's.
    ///   - home: an existing folder without configuration, as git's `HOME`.
    ///   - extra: further `NAME=value` variables, over the others.
    package init(
        installation: GitInstallation, gitDirectory: String, workTree: String? = nil, indexFile: String? = nil,
        home: String = "/", extra: [String] = []
    ) {
        self.installation = installation
        self.gitDirectory = gitDirectory
        self.workTree = workTree
        var environment = GitEnvironment.variables(installation: installation, home: home, files: .init())
        environment.append("GIT_DIR=\(gitDirectory)")
        if let workTree { environment.append("GIT_WORK_TREE=\(workTree)") }
        if let indexFile { environment.append("GIT_INDEX_FILE=\(indexFile)") }
        // The first of two equal names counts.
        self.environment = extra + environment
    }

    private init(_ other: HermeticGit, extra: [String]) {
        installation = other.installation
        gitDirectory = other.gitDirectory
        workTree = other.workTree
        environment = extra + other.environment
    }

    /// The same with further `NAME=value` variables, which win.
    package func with(_ extra: [String]) -> HermeticGit { HermeticGit(self, extra: extra) }

    /// The same with further settings and variables, which win.
    func with(settings: [(String, String)], _ extra: [String]) -> HermeticGit {
        let name = "GIT_CONFIG_COUNT="
        let first = environment.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) } ?? 0
        var variables = [name + "\(first + settings.count)"]
        for (number, setting) in settings.enumerated() {
            variables.append("GIT_CONFIG_KEY_\(first + number)=\(setting.0)")
            variables.append("GIT_CONFIG_VALUE_\(first + number)=\(setting.1)")
        }
        return HermeticGit(self, extra: variables + extra)
    }

    /// Finds git and checks its version.
    package static func locate(
        minimum: GitVersion = .minimum, searchPath: String? = currentSearchPath
    ) async throws(GitError) -> GitInstallation {
        let path = try GitInstallation.find(searchPath: searchPath)
        let probe = HermeticGit(
            installation: GitInstallation(path: path, version: minimum), gitDirectory: "/")
        let result = try await probe.run(["version"], deadline: .seconds(10))
        guard let version = GitVersion(output: result.output) else {
            throw GitError(
                .missing, message: "\(path) is not git", meaning: "'git version' gave no version",
                hint: "see that the git in PATH is the real one")
        }
        guard version >= minimum else {
            throw GitError(
                .tooOld, message: "git \(version) at \(path) is too old",
                meaning: "\(minimum) is the first that merges without touching a working tree",
                hint: "install git \(minimum) or newer")
        }
        return GitInstallation(path: path, version: version)
    }

    package static var currentSearchPath: String? { getenv("PATH").map { String(cString: $0) } }

    /// Runs `git <arguments>` to its end.
    /// - Parameters:
    ///   - accepting: exit statuses that are answers; any other is thrown.
    ///   - deadline: after it the whole process group is killed.
    package func run(
        _ arguments: [String], input: [UInt8] = [], accepting: [Int32] = [0], deadline: Duration = Limits.gitDeadline
    ) async throws(GitError) -> GitResult {
        try await run(arguments, from: .bytes(input), to: .collect, accepting: accepting, deadline: deadline)
    }

    /// The same with standard input or output on raw descriptors (a socket to a peer), which stay open on our side.
    /// - Parameter extra: become the child's descriptors 3, 4, ...
    package func run(
        _ arguments: [String], from input: GitInput, to output: GitOutput, extra: [Int32] = [],
        accepting: [Int32] = [0], deadline: Duration = Limits.gitDeadline
    ) async throws(GitError) -> GitResult {
        try await BlockingThread.run { cancellation throws(GitError) in
            try runBlocking(
                arguments, from: input, to: output, extra: extra, accepting: accepting, deadline: deadline,
                cancellation: cancellation)
        }
    }

    /// `run` on the calling thread, which must be one that may block.
    func runBlocking(
        _ arguments: [String], from input: GitInput = .bytes([]), to output: GitOutput = .collect,
        extra: [Int32] = [], accepting: [Int32] = [0], deadline: Duration = Limits.gitDeadline,
        cancellation: Cancellation = Cancellation()
    ) throws(GitError) -> GitResult {
        let name = Self.command(arguments)
        try DiskStep.before("git \(name)", gitDirectory)
        defer { DiskStep.after("git \(name)", gitDirectory) }
        var run = try ChildRun(
            path: installation.path, arguments: prefix + arguments, environment: environment, name: name,
            input: input, output: output, extra: extra, allowed: deadline, cancellation: cancellation)
        let result = try run.run()
        guard accepting.contains(result.status) else { throw failure(name, result) }
        return result
    }

    /// A child that stays, driven through pipes by the caller.
    func start(_ arguments: [String], descriptors: [Int32]) throws(GitError) -> Child {
        try Child(
            path: installation.path, arguments: prefix + arguments, environment: environment,
            descriptors: descriptors, name: Self.command(arguments))
    }

    /// The agent's own working directory may vanish; git starts in a place that exists.
    private var prefix: [String] { ["-C", workTree ?? "/"] }

    /// The subcommand, behind any `-c name=value`.
    private static func command(_ arguments: [String]) -> String {
        var rest = arguments[...]
        while rest.first == "-c" { rest = rest.dropFirst(2) }
        return rest.first ?? ""
    }

    func failure(_ name: String, _ result: GitResult) -> GitError {
        GitError(
            .failed(status: result.status), message: "git \(name) failed (\(result.status))",
            meaning: result.errors.isEmpty ? "it gave no reason" : result.errors,
            hint: "repository \(gitDirectory)")
    }
}
