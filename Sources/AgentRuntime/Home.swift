import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The paths of one device's state, all below `BATON_HOME`.
package struct Home: Hashable, Sendable {
    package let path: String

    /// - Parameter path: absolute or relative to the working directory.
    package init(_ path: String) {
        if path.hasPrefix("/") {
            self.path = path
        } else {
            let here = getcwd(nil, 0).map { text in
                defer { free(text) }
                return String(cString: text)
            }
            self.path = (here ?? "") + "/" + path
        }
    }

    package var identity: String { path + "/identity" }
    package var database: String { path + "/device.db" }
    package var workspaceState: String { path + "/workspace" }
    /// The settings of this device alone.
    package var config: String { path + "/config.toml" }
    package var log: String { path + "/agent.log" }
    package var gateFile: String { path + "/run/gate" }
    /// An emergency stop that waits for the next start.
    package var stopFile: String { path + "/emergency-stop" }
    package var run: String { path + "/run" }

    /// Whether `init` or `join` was done here.
    package var hasMesh: Bool { access(database, F_OK) == 0 }

    /// Makes the directory, 0700.
    func prepare() throws(SetupFailure) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o700) != 0, errno != EEXIST {
                throw SetupFailure(
                    code: ExitCode.failed, message: "cannot make \(made): \(String(cString: strerror(errno)))",
                    hint: "name another directory with BATON_HOME")
            }
        }
        if mkdir(run, 0o700) != 0, errno != EEXIST {
            throw SetupFailure(
                code: ExitCode.failed, message: "cannot make \(run): \(String(cString: strerror(errno)))",
                hint: "name another directory with BATON_HOME")
        }
    }
}

/// The exit codes of the command contract (product.md).
package enum ExitCode {
    package static let done: Int32 = 0
    package static let failed: Int32 = 1
    package static let agentNotRunning: Int32 = 3
    package static let noMesh: Int32 = 4
    package static let noQuorum: Int32 = 5
    package static let conflicts: Int32 = 6
    package static let stopped: Int32 = 7
    package static let timedOut: Int32 = 8
    package static let notAllowed: Int32 = 9
    package static let incompatible: Int32 = 10
    package static let usage: Int32 = 64
    package static let tryAgain: Int32 = 75
}

/// Why a device could not be set up or an agent not started: one line each.
package struct SetupFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Int32
    package var message: String
    package var hint: String

    package init(code: Int32, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}
