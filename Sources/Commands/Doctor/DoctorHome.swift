import AgentRuntime
import ControlSocket
import Identity
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Whether the agent runs.
enum DoctorAgent {
    static let name = "Agent"

    static let check: DoctorCheck = { scene in
        guard scene.home.hasMesh else {
            return [.bad(name, "there is no mesh in \(scene.home.path)", remedy: scene.typed("init DIR"))]
        }
        guard let status = scene.status else {
            let why = scene.silence
            guard why?.code == Exit.agentNotRunning else {
                return [.bad(name, why?.message ?? "it does not answer", remedy: why?.hint)]
            }
            // What would keep it from starting is found by the checks below; the program is this one.
            let canStart = Executable.path.map { access($0, X_OK) == 0 } ?? false
            return [.bad(name, "it does not run", remedy: canStart ? scene.typed("up") : nil)]
        }
        let text =
            "running \(Words.coarse(status.agent.uptime_s)), process \(status.agent.pid), \(status.agent.version)"
        guard status.agent.version == BatonVersion.text else {
            return [
                .note(
                    name, text + "; this command is \(BatonVersion.text)",
                    remedy: "\(scene.typed("down")), then \(scene.typed("up"))")
            ]
        }
        return [.ok(name, text)] + health(status, scene)
    }

    /// The first line of status, if it is none that only waits for others.
    private static func health(_ status: StatusReport, _ scene: DoctorScene) -> [Finding] {
        guard ["no_leader", "no_quorum", "stuck", "stopped"].contains(status.health) else { return [] }
        let text = "\(Health(status.health).word): \(status.reasons.first?.text ?? "no reason is known")"
        let fix = status.reasons.first?.fix
        return [.note("Mesh", text, remedy: fix == "baton doctor" ? nil : fix)]
    }
}

/// The home: who may read it, and whether its database is whole.
enum DoctorHome {
    static let permissions: DoctorCheck = { scene in
        guard scene.home.hasMesh else { return [] }
        var findings: [Finding] = []
        let places = [
            (scene.home.path, mode_t(0o700)), (scene.home.identity, 0o700),
            (scene.home.identity + "/device.pem", 0o600), (scene.home.run, 0o700), (scene.home.database, 0o600),
        ]
        for (path, mode) in places {
            if let finding = examine(path, mode) { findings.append(finding) }
        }
        return findings.isEmpty ? [.ok("Home", "\(scene.home.path), for you alone")] : findings
    }

    private static func examine(_ path: String, _ mode: mode_t) -> Finding? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return path.hasSuffix("/run") ? nil : .bad("Home", "\(path) is missing")
        }
        guard status.st_uid == geteuid() else {
            return .bad("Home", "\(path) belongs to another user (uid \(status.st_uid))")
        }
        guard status.st_mode & 0o077 != 0 else { return nil }
        // The owner may always do this.
        return .bad(
            "Home", "\(path) can be reached by others (mode \(String(status.st_mode & 0o777, radix: 8)))",
            remedy: "chmod \(String(mode, radix: 8)) '\(path)'")
    }

    static let database: DoctorCheck = { scene in
        guard scene.home.hasMesh else { return [] }
        guard let client = scene.client else { return [closedDatabase(scene)] }
        do {
            let verdict: LogVerdict = try await client.call(ControlCall.verifyLog, EmptyBody(), timeout: .seconds(60))
            guard verdict.whole else {
                let text = "the record breaks at row \(verdict.broken_row ?? 0): \(verdict.why ?? "it does not fit")"
                return [.bad("Database", text, remedy: scene.typed("log --verify"))]
            }
            return [.ok("Database", "in use, the record of \(Words.count(verdict.rows, "row")) is whole")]
        } catch {
            return [.bad("Database", CommandFailure(error)?.message ?? "\(error)")]
        }
    }

    /// Opened as the agent would, which checks it, and closed again.
    private static func closedDatabase(_ scene: DoctorScene) -> Finding {
        do {
            let identity = try DeviceIdentity.load(from: scene.home.identity)
            let store = try DeviceStore.open(at: scene.home.database, device: identity.id)
            let verdict = try store.verifyAudit()
            store.close()
            guard let broken = verdict.broken else {
                return .ok("Database", "whole, and its record of \(Words.count(verdict.rows, "row"))")
            }
            return .bad("Database", "the record breaks at row \(broken.id): \(broken.why)")
        } catch let error as StoreError {
            return .bad("Database", error.message, remedy: error.hint)
        } catch let error as IdentityError {
            return .bad("Database", error.message, remedy: error.hint)
        } catch {
            return .bad("Database", "\(error)")
        }
    }
}

/// Room on the disks.
enum DoctorSpace {
    private static let little: UInt64 = 1 << 30
    private static let none: UInt64 = 100 << 20

    static let check: DoctorCheck = { scene in
        var findings: [Finding] = []
        let places = [("home", scene.home.path), ("workspace", scene.status?.workspace.root ?? "")]
        for (what, path) in places where !path.isEmpty {
            guard let free = Self.free(at: path), free < little else { continue }
            let text = "\(free >> 20) MiB are free where the \(what) is (\(path))"
            findings.append(free < none ? .bad("Space", text) : .note("Space", text))
        }
        let free = Self.free(at: scene.home.path).map { "\($0 >> 30) GiB free" } ?? "not known"
        return findings.isEmpty ? [.ok("Space", free)] : findings
    }

    static func free(at path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) &* UInt64(status.f_frsize)
    }
}
