import AgentRuntime

/// A hub as people read it.
struct HubText {
    let reply: HubReply

    init(_ reply: HubReply) { self.reply = reply }

    func show(_ global: GlobalOptions, _ console: Console, title: String?) throws -> Int32 {
        if global.json {
            console.out(try JSONText.of(reply, console))
            return Exit.done
        }
        if let title { console.note(title) }
        for line in lines { console.out(line) }
        return Exit.done
    }

    var lines: [String] {
        guard let hub = reply.hub else { return ["the mesh has no hub      add one: baton hub add URL"] }
        var facts = [
            ("hub", hub.url), ("branch", hub.branch), ("fence", Self.fencing(hub)), ("state", Self.state(hub)),
        ]
        if let head = hub.head { facts.append(("head there", String(head.prefix(10)))) }
        if let token = hub.token { facts.append(("token there", token)) }
        if let probe = reply.probe { facts += Self.facts(probe) }
        return facts.map { name, value in
            name + String(repeating: " ", count: 13 - name.count) + Escaping.shown(value)
        } + settle(hub)
    }

    private func settle(_ hub: HubStatus) -> [String] {
        switch hub.state {
        case "rewritten", "fence-gone", "other-mesh":
            [
                "", "go on from what stands there: baton hub accept",
                "put the mesh's over it:       baton hub accept --replace",
            ]
        case "away": ["", "try it from here: baton hub probe"]
        default: []
        }
    }

    private static func fencing(_ hub: HubStatus) -> String {
        hub.fencing == "fence-ref"
            ? "a ref of its own, moved with the branch in one push"
            : "the branch alone (this hub takes no atomic pushes or no refs of ours)"
    }

    /// One line of how it stands; the same words as in `status -v`.
    static func state(_ hub: HubStatus) -> String {
        let behind = "\(Words.count(hub.rounds_behind, "round")) behind"
        let why = hub.why.map { ": \($0)" } ?? ""
        return switch hub.state {
        case "current": "up to date"
        case "behind": behind
        case "news": "somebody pushed there: the next round merges it"
        case "away": "away, \(behind)\(why)"
        case "stale-token": "refused: its fence carries a newer token than this mesh's leader"
        case "rewritten": "stopped: somebody rewrote its branch"
        case "fence-gone": "stopped: somebody deleted its fence"
        case "other-mesh": "stopped: another mesh took its fence"
        case "unknown": "not looked at yet"
        default: hub.state
        }
    }

    private static func facts(_ probe: HubProbeReport) -> [(String, String)] {
        let can = { (can: Bool) in can ? "yes" : "no" }
        var facts = [
            ("atomic push", can(probe.atomic_push)), ("own refs", can(probe.own_refs)),
            ("read back", can(probe.read_back)), ("relation", relation(probe)),
        ]
        if let refusal = probe.refusal { facts.append(("it said", refusal)) }
        if let other = probe.rewritten {
            facts.append(("note", "your git would use \(other) instead; Baton uses the URL as it stands"))
        }
        return facts
    }

    private static func relation(_ probe: HubProbeReport) -> String {
        switch probe.relation {
        case "empty": "one of the two has nothing yet"
        case "same": "the hub has what the mesh published"
        case "behind": "the mesh has more"
        case "ahead": "the hub has more: the next round merges it"
        case "diverged": "both have something new: the next round merges it"
        case "unrelated": "nothing in common: merged with the next round, files that differ become conflicts"
        default: probe.relation
        }
    }
}
