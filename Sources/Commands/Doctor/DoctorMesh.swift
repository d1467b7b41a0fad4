import AgentRuntime
import ControlSocket
import GitWorkspace

/// The clocks: no rule rests on them, but invites expire by them, and people compare times.
enum DoctorClock {
    /// Further apart than this is a fault that people notice.
    private static let much: Double = 30

    static let check: DoctorCheck = { scene in
        guard let status = scene.status else { return [] }
        let off = status.devices.filter { abs($0.clock_offset_s ?? 0) > much }
        guard !off.isEmpty else {
            let known = status.devices.count { $0.clock_offset_s != nil }
            return [.ok("Clock", known == 0 ? "no other to compare with" : "within \(Int(much)) s of the others")]
        }
        let known = status.devices.count { $0.clock_offset_s != nil }
        // All others agree against this one: then it is this one.
        if off.count == known, known > 1 || status.devices.count == 2, let first = off.first?.clock_offset_s {
            let text = "this device's clock is \(Words.span(abs(first))) \(first > 0 ? "behind" : "ahead")"
            return [.note("Clock", text, remedy: scene.has("timedatectl") ? "timedatectl set-ntp true" : nil)]
        }
        return off.map { device in
            let offset = device.clock_offset_s ?? 0
            return .note("Clock", "\(device.name) is \(Words.span(abs(offset))) \(offset > 0 ? "ahead" : "behind")")
        }
    }
}

enum DoctorGit {
    static let check: DoctorCheck = { _ in
        do throws(GitError) {
            let git = try await HermeticGit.locate()
            return [.ok("Git", "\(git.version), \(git.path)")]
        } catch {
            return [.bad("Git", error.message, remedy: error.hint)]
        }
    }
}

/// The way to each device, and from it.
enum DoctorNetwork {
    static let check: DoctorCheck = { scene in
        guard let status = scene.status else { return [] }
        let peers = status.devices.filter { $0.id != status.`self` }
        guard !peers.isEmpty else { return [.ok("Network", "no other device yet")] }
        let own = status.devices.first { $0.id == status.`self` }?.name ?? "this device"
        let linked = peers.filter { $0.state == "online" }
        var findings: [Finding] = []
        if !linked.isEmpty {
            let words = linked.map { peer in
                let rtt = peer.rtt_s.map { ", \(Int(($0 * 1000).rounded(.up))) ms" } ?? ""
                let way = peer.dialed_here.map { $0 ? ", opened here" : ", opened there" } ?? ""
                return "\(peer.name) (\(StatusDevices.via(peer.via))\(rtt)\(way))"
            }
            findings.append(.ok("Network", "linked with " + words.joined(separator: ", ")))
        }
        for peer in peers where peer.state != "online" { findings.append(unreached(peer, own)) }
        return findings
    }

    private static func unreached(_ peer: StatusReport.Device, _ own: String) -> Finding {
        guard !peer.addresses.isEmpty else { return .note("Network", "\(peer.name) is away; no address is known") }
        guard let failure = peer.dial_failure else { return .note("Network", "\(peer.name) is away") }
        if refusesKey(failure) {
            return .bad(
                "Network", "\(peer.name) refuses the key of \(own): the mesh went on and removed this device for good",
                remedy: "on \(peer.name): baton invite; here, with another --home: baton join")
        }
        let text = "\(own) -> \(peer.name) blocked (\(reason(failure)))"
        switch reason(failure) {
        // Somebody answers at that address, so the machine is up: its agent is not, or listens elsewhere.
        case "refused": return .note("Network", text, remedy: "on \(peer.name): baton up")
        case "no answer":
            let port = peer.addresses.first?.split(separator: ":").last.map(String.init) ?? ""
            return .note("Network", text, remedy: "wake \(peer.name), or allow TCP \(port) there")
        default: return .note("Network", text)
        }
    }

    /// What TLS says to a key that the other end has no member for any more.
    static func refusesKey(_ failure: String) -> Bool { failure.lowercased().contains("certificate_unknown") }

    /// The kind of a failed attempt, from the words of the system.
    static func reason(_ detail: String) -> String {
        let words = detail.lowercased()
        if words.contains("refused") { return "refused" }
        if words.contains("timed out") || words.contains("timeout") || words.contains("not finished") {
            return "no answer"
        }
        if words.contains("unreachable") || words.contains("no route") { return "no route" }
        return detail
    }
}

/// Whether enough voters are left, and what to do if they never come back.
enum DoctorQuorum {
    static let check: DoctorCheck = { scene in
        guard let client = scene.client, let status = scene.status, status.health == "no_quorum",
            // Then the others are alive, and go on without this device.
            !status.devices.contains(where: { $0.dial_failure.map(DoctorNetwork.refusesKey) ?? false })
        else { return [] }
        let call = RecoverCall(isConfirmed: false, isForced: false)
        guard let view: RecoverReport = try? await client.call(ControlCall.recover, call) else { return [] }
        let text = "\(view.present) of \(view.voters / 2 + 1) needed voters answer; if the others are gone for good"
        return [.note("Quorum", text, remedy: view.refusal == nil ? "baton recover" : nil)]
    }
}

/// Writers that did not hold still.
enum DoctorWriters {
    private static let rowsLookedAt = 500

    /// Programs that take no part in the gate, and wrote while it was closed.
    static let outside: DoctorCheck = { scene in
        let own = scene.status?.devices.first { $0.id == scene.status?.`self` }
        return (own?.writers.outside ?? []).map { one in
            let times = "wrote \(Words.count(one.files, "file")) in \(Words.count(one.pauses, "pause"))"
            guard one.name != StatusReport.unknownWriter else {
                return .note("Writers", "a program that nobody could name \(times)")
            }
            return .note("Writers", "\(one.name) \(times)", remedy: "baton run -- \(one.name)")
        }
    }

    static let check: DoctorCheck = { scene in
        guard let client = scene.client, let status = scene.status else { return [] }
        let call = LogCall(limit: rowsLookedAt, kind: "pause", since_s: 86_400)
        guard let log: LogReport = try? await client.call(ControlCall.log, call) else { return [] }
        var times: [String: Int] = [:]
        for row in log.rows {
            let names = JSONText.fields(row.details)["unanswered"] ?? ""
            for name in names.split(separator: ",") { times[name.trimmingSpaces, default: 0] += 1 }
        }
        let own = status.devices.first { $0.id == status.`self` }?.writers.active ?? 0
        guard !times.isEmpty else {
            return [.ok("Writers", own == 0 ? "none registered here" : "\(own) here, every one held still")]
        }
        return times.sorted { $0.key < $1.key }.map { name, count in
            .note(
                "Writers", "\(name) did not hold still in \(Words.count(count, "pause")) of the last day",
                remedy: "baton run -- CMD")
        }
    }
}
