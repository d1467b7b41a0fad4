import Consensus
import DeviceCore
import GitWorkspace
import Identity
import Logging
import MeshTransport
import Primitives
import Storage
import WireProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What `init` and `join` are told.
package struct SetupOptions: Sendable {
    package var home: String
    package var workspace: String
    /// Nil: this machine's host name.
    package var name: String?
    /// `HOST:PORT`; nil: all interfaces and the usual port.
    package var listen: String?
    /// `lan` or `wan`; nil: `lan`. A joining device takes the mesh's.
    package var profile: String?

    package init(home: String, workspace: String, name: String? = nil, listen: String? = nil, profile: String? = nil) {
        self.home = home
        self.workspace = workspace
        self.name = name
        self.listen = listen
        self.profile = profile
    }
}

package struct SetupReport: Sendable {
    package var home: String
    package var workspace: String
    package var name: String
    package var deviceID: String
    package var meshID: String
    package var profile: String
    package var branch: String
    /// False: it was set up before, and nothing was changed.
    package var isNew: Bool
    /// What was done, a line a step.
    package var steps: [String]
    /// After a join: the same four words on both screens.
    package var checkWords: [String]
    package var inviter: String?
}

/// Makes a device's state: founds a mesh of one, or joins with an invite. Both may be repeated: the database is made
/// last, and what is there already is used.
package enum MeshSetup {
    package static let usualPort = 47700

    package static func found(_ options: SetupOptions) async throws(SetupFailure) -> SetupReport {
        let parts = try await Parts(options)
        if let known = try parts.existing() { return known }
        guard let profile = MeshProfile(rawValue: options.profile ?? "lan") else {
            throw SetupFailure(
                code: ExitCode.usage, message: "there is no profile '\(options.profile ?? "")'", hint: "use lan or wan")
        }
        let workspace = try await parts.openWorkspace(branch: nil)
        let head: Revision?
        do { head = try await workspace.importHistory() } catch { throw parts.failure(error) }
        await workspace.close()
        var generator = SystemRandomNumberGenerator()
        let mesh = MeshID(Digest(generator.next(), generator.next(), generator.next(), generator.next()))
        let record = DeviceRecord(device: parts.identity.id, name: parts.name, addresses: [])
        let state = MeshState.founding(record, head: head)
        try parts.store(
            StoredMesh(
                mesh: mesh, workspace: parts.root, name: parts.root.lastPathPart, profile: profile.rawValue,
                branch: workspace.branch), .founding(parts.identity.id, image: state), peers: [])
        var report = parts.report(mesh, profile.rawValue, workspace.branch)
        report.steps = [
            "key       \(parts.identity.id.short)... (P-256, \(parts.home.identity))",
            "mesh      \(mesh.digest.hex.prefix(10))... founded, one device",
            "workspace \(parts.root) on branch \(workspace.branch)"
                + (head.map { ", history up to \($0.short)" } ?? ", no history yet"),
        ]
        return report
    }

    package static func join(_ options: SetupOptions, invite text: String) async throws(SetupFailure) -> SetupReport {
        let invite: Invite
        do throws(InviteError) { invite = try Invite(text) } catch {
            throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
        let parts = try await Parts(options)
        if let known = try parts.existing() { return known }
        let accepted = try await ask(invite, parts)
        guard accepted.mesh == invite.meshID else {
            throw SetupFailure(
                code: ExitCode.incompatible,
                message: "the invite is for mesh \(invite.meshID.digest.hex.prefix(10)), the device is in another",
                hint: "ask for a new invite")
        }
        let workspace = try await parts.openWorkspace(branch: accepted.branch)
        await workspace.close()
        try parts.store(
            StoredMesh(
                mesh: accepted.mesh, workspace: parts.root, name: accepted.name, profile: accepted.profile.rawValue,
                branch: accepted.branch), .joining(image: MeshState(epoch: accepted.epoch)),
            peers: reachable(accepted.devices, by: invite))
        var report = parts.report(accepted.mesh, accepted.profile.rawValue, accepted.branch)
        report.name = accepted.devices.first { $0.device == parts.identity.id }?.name ?? parts.name
        report.inviter = accepted.devices.first { $0.device == invite.pin }?.name
        report.checkWords = CheckWords.words(parts.identity.id, invite.pin, secretHash: invite.secret.hash)
        report.steps = [
            "key       \(parts.identity.id.short)... (P-256, \(parts.home.identity))",
            "mesh      \(accepted.mesh.digest.hex.prefix(10))... joined as \(report.name), \(accepted.devices.count) devices",
            "workspace \(parts.root) on branch \(accepted.branch)",
        ]
        return report
    }

    /// An inviter that was founded a moment ago may not have told the log its addresses yet; the invite has them.
    static func reachable(_ devices: [DeviceRecord], by invite: Invite) -> [DeviceRecord] {
        devices.map { record in
            guard record.device == invite.pin, record.addresses.isEmpty else { return record }
            return DeviceRecord(device: record.device, name: record.name, addresses: invite.addresses)
        }
    }

    private static func ask(_ invite: Invite, _ parts: Parts) async throws(SetupFailure) -> JoinAccepted {
        let addresses = invite.addresses.compactMap { TransportAddress($0) }
        let advertised = parts.listen.port == 0 ? [] : Addresses.advertised(parts.listen).map(\.description)
        do {
            let request = try JoinCodec.encode(
                JoinRequest(secret: invite.secret.bytes, name: parts.name, addresses: advertised))
            let reply = try await MeshTransport.join(
                addresses: addresses, pin: invite.pin, identity: parts.identity, request: request)
            switch try JoinCodec.decodeReply(reply) {
            case .accepted(let accepted): return accepted
            case .refused(let code, let text):
                throw SetupFailure(
                    code: exitCode(code), message: "not let in: \(text)",
                    hint: "make a new invite there with: baton invite")
            }
        } catch let failure as SetupFailure {
            throw failure
        } catch let error as TransportError {
            throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        } catch let error as WireError {
            throw SetupFailure(code: ExitCode.incompatible, message: error.message, hint: error.hint)
        } catch {
            throw SetupFailure(code: ExitCode.failed, message: "\(error)", hint: "ask for a new invite")
        }
    }

    private static func exitCode(_ code: JoinRefusalCode) -> Int32 {
        switch code {
        case .version: ExitCode.incompatible
        case .secret, .used, .expired, .removed: ExitCode.notAllowed
        case .noQuorum: ExitCode.noQuorum
        case .other, .full, .nameTaken: ExitCode.failed
        }
    }
}

/// What both ways of setting up need first.
private struct Parts {
    let home: Home
    let root: String
    let name: String
    let listen: TransportAddress
    let identity: DeviceIdentity

    init(_ options: SetupOptions) async throws(SetupFailure) {
        home = Home(options.home)
        root = Home(options.workspace).path.resolvedParent
        name = try Self.deviceName(options.name)
        let usual = "0.0.0.0:\(MeshSetup.usualPort)"
        guard let address = TransportAddress(options.listen ?? usual) else {
            throw SetupFailure(
                code: ExitCode.usage, message: "'\(options.listen ?? "")' is no address", hint: "use --listen HOST:PORT"
            )
        }
        listen = address
        guard !(home.path + "/").hasPrefix(root + "/") else {
            throw SetupFailure(
                code: ExitCode.usage, message: "BATON_HOME \(home.path) lies inside of the workspace \(root)",
                hint: "name another directory with BATON_HOME: its files must not be synced")
        }
        try home.prepare()
        identity = try Self.identity(home, name)
    }

    private static func identity(_ home: Home, _ name: String) throws(SetupFailure) -> DeviceIdentity {
        do throws(IdentityError) {
            do throws(IdentityError) { return try DeviceIdentity.load(from: home.identity) } catch {
                guard case .missing = error else { throw error }
                return try DeviceIdentity.create(in: home.identity, name: name)
            }
        } catch { throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint) }
    }

    private static func deviceName(_ wish: String?) throws(SetupFailure) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, buffer.count - 1)
        let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let name = wish ?? String(host.prefix { $0 != "." })
        let isFine =
            (1...Limits.deviceNameBytes).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || $0.properties.numericType != nil || "-_.".unicodeScalars.contains($0)
            }
        guard isFine else {
            guard wish != nil else { return "device" }
            throw SetupFailure(
                code: ExitCode.usage, message: "'\(name)' is no device name",
                hint: "use letters, digits, '-', '_' and '.', \(Limits.deviceNameBytes) bytes at most")
        }
        return name
    }

    /// Set up before, for the same workspace: nothing to do. For another one: refused.
    func existing() throws(SetupFailure) -> SetupReport? {
        guard home.hasMesh else { return nil }
        do throws(StoreError) {
            let store = try DeviceStore.open(at: home.database, device: identity.id)
            defer { store.close() }
            return try known(store.mesh)
        } catch {
            // A running agent has the database: then it is set up.
            guard error.kind == .inUse else { throw failure(error) }
            throw SetupFailure(
                code: ExitCode.done, message: "this device is set up and its agent is running",
                hint: "see: baton status")
        }
    }

    private func known(_ mesh: StoredMesh) throws(StoreError) -> SetupReport {
        guard mesh.workspace == root else {
            throw StoreError(
                .exists, "this BATON_HOME (\(home.path)) is set up for \(mesh.workspace)",
                hint: "name another BATON_HOME for another workspace")
        }
        var report = report(mesh.mesh, mesh.profile, mesh.branch)
        report.isNew = false
        report.steps = ["this device is set up already; nothing was changed"]
        return report
    }

    func openWorkspace(branch: String?) async throws(SetupFailure) -> Workspace {
        do throws(WorkspaceError) {
            return try await Workspace.open(
                root: root, state: home.workspaceState, device: identity.id, name: name, create: true, branch: branch)
        } catch { throw failure(error) }
    }

    func store(
        _ mesh: StoredMesh, _ initial: PersistentState<MeshCommand, MeshState>, peers: [DeviceRecord]
    ) throws(SetupFailure) {
        do throws(StoreError) {
            try DeviceStore.create(
                at: home.database, device: identity.id, mesh: mesh, initial: DevicePersistentState(raft: initial))
            let store = try DeviceStore.open(at: home.database, device: identity.id)
            defer { store.close() }
            try store.setValue(StoreKey.listen, to: Array(listen.description.utf8))
            try store.setValue(StoreKey.roster, to: RememberedRoster(devices: peers).bytes)
        } catch { throw failure(error) }
    }

    func failure(_ error: WorkspaceError) -> SetupFailure {
        SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
    }

    func failure(_ error: StoreError) -> SetupFailure {
        SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
    }

    func report(_ mesh: MeshID, _ profile: String, _ branch: String) -> SetupReport {
        SetupReport(
            home: home.path, workspace: root, name: name, deviceID: identity.id.description, meshID: mesh.description,
            profile: profile, branch: branch, isNew: true, steps: [], checkWords: [], inviter: nil)
    }
}

extension String {
    var lastPathPart: String { split(separator: "/").last.map(String.init) ?? "workspace" }

    /// Absolute, without a slash at the end, links resolved as far as the path exists.
    var resolvedParent: String {
        if let real = realpath(self, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        let parts = split(separator: "/").filter { $0 != "." }
        guard let last = parts.last, last != ".." else { return self }
        let parent = "/" + parts.dropLast().joined(separator: "/")
        guard let real = realpath(parent, nil) else { return "/" + parts.joined(separator: "/") }
        defer { free(real) }
        let resolved = String(cString: real)
        return (resolved == "/" ? "" : resolved) + "/" + last
    }
}
