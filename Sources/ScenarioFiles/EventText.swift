import Simulation

// An action of a file -> an event of the engine.

/// What a seed makes of the drawn parts of a scenario.
struct ActionReader {
    let devices: Int
    var draw: FileDraw
    private var values: [SlotValue?] = []
    private var at = 0

    init(devices: Int, draw: FileDraw) {
        self.devices = devices
        self.draw = draw
    }

    private mutating func next() -> SlotValue? {
        defer { at += 1 }
        return at < values.count ? values[at] : nil
    }

    private mutating func target(_ who: Who) -> Target {
        switch who {
        case .target(let target): target
        case .any: .node(draw.below(devices))
        }
    }

    private mutating func who() -> Target {
        if case .who(let who)? = next() { target(who) } else { .subject }
    }

    private mutating func optionalWho() -> Target? {
        if case .who(let who)? = next() { target(who) } else { nil }
    }

    private mutating func node() -> Int {
        if case .node(let node) = who() { node } else { 0 }
    }

    private mutating func route() -> Route {
        guard case .route(let from, let to, let bothWays)? = next() else { return .all(of: .subject) }
        let source = target(from)
        return Route(from: source, to: target(to), bothWays: bothWays)
    }

    private mutating func length() -> Nanoseconds { optionalLength() ?? 0 }

    private mutating func optionalLength() -> Nanoseconds? {
        if case .span(let span)? = next() { draw.between(span) } else { nil }
    }

    private mutating func number() -> Int {
        if case .number(let number)? = next() { Int(number) } else { 0 }
    }

    private mutating func choice() -> String {
        if case .choice(let name)? = next() { name } else { "" }
    }

    private mutating func flag() -> Bool { next() == .yes }

    /// Nil for a verb that there is not.
    mutating func event(_ action: Action) -> ScenarioEvent? {
        values = action.values
        at = 0
        return cut(action.verb) ?? link(action.verb) ?? process(action.verb) ?? disk(action.verb) ?? hub(action.verb)
            ?? people(action.verb)
    }

    private mutating func cut(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "isolate": .cut(.isolate(who()), optionalLength())
        case "halves": .cut(.halves(number()), optionalLength())
        case "deaf": .cut(.deaf(who()), optionalLength())
        case "mute": .cut(.mute(who()), optionalLength())
        case "ring": .cut(.ring, optionalLength())
        case "bridge": .cut(.bridge(node()), optionalLength())
        case "chain": .cut(.chain, optionalLength())
        case "star": .cut(.star(who()), optionalLength())
        case "link": .cut(.link(node(), node()), optionalLength())
        case "cut": .cut(.route(route()), optionalLength())
        case "mend": .mend
        default: nil
        }
    }

    private mutating func link(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "clog": .clog(route(), length())
        case "lossy": .lossBurst(route(), perMillion: number(), length())
        case "half-open": .halfOpen(route(), length())
        case "connect-hang": .connectHang(who(), length())
        case "move-address": .addressChange(who(), length())
        default: nil
        }
    }

    private mutating func process(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "crash": return .crash(who(), power: flag(), down: optionalLength())
        case "crash-at":
            let target = who()
            let word = choice()
            guard let boundary = Boundary.allCases.first(where: { $0.word == word }) else { return nil }
            return .crashAt(target, boundary, skipping: number(), power: flag(), down: length())
        case "restart": return .restart(who())
        case "restart-storm": return .restartStorm(who(), times: number(), every: length())
        case "suspend": return .suspend(who(), length())
        case "freeze": return .freeze(who(), length())
        case "slow": return .slow(who(), perInput: length(), length())
        case "stop": return .stop(who())
        case "rate": return .rate(who(), Int64(number()))
        case "wall": return .wallJump(who(), length())
        default: return nil
        }
    }

    private mutating func disk(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "disk-stall": return .diskStall(who(), length())
        case "disk-fault":
            let target = who()
            guard let fault = DiskFault(rawValue: choice()) else { return nil }
            return .diskFault(target, fault, down: length())
        case "rollback": return .rollback(who(), age: length())
        case "wipe": return .wipe(who(), by: who())
        case "sync-lies": return .syncLies(who(), length())
        case "clone": return .clone(who(), length())
        case "add": return .addDevice(node())
        case "remove": return .removeDevice(who(), by: who())
        case "recover": return .recover(who(), isForced: flag())
        default: return nil
        }
    }

    private mutating func hub(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "hub-refuses": .hub(.refuses(length()))
        case "hub-hangs": .hub(.hangs(length()))
        case "hub-loses-replies": .hub(.losesReplies(number()))
        case "hub-foreign-push": .hub(.foreignPush)
        case "hub-forced-push": .hub(.forcedPush)
        case "hub-fence-deleted": .hub(.fenceDeleted)
        default: nil
        }
    }

    private mutating func people(_ verb: String) -> ScenarioEvent? {
        switch verb {
        case "sync": return .client(who(), .sync)
        case "handoff":
            let target = who()
            let other = optionalWho().flatMap { if case .node(let node) = $0 { node } else { nil } }
            return .client(target, .handoff(to: other))
        case "lock":
            let target = who()
            return .client(target, .lock(number(), ttl: length(), hold: length(), waits: flag()))
        case "set":
            let target = who()
            guard case .setting(let setting)? = next() else { return nil }
            return .client(target, .setting(setting.key, setting.value))
        case "pause":
            let target = who()
            return .client(target, .stop(.pause, everywhere: flag(), optionalLength()))
        case "emergency-stop": return .client(who(), .stop(.emergency, everywhere: true, nil))
        case "resume":
            let target = who()
            return .client(target, .resume(everywhere: flag()))
        case "user":
            let target = who()
            return UserAction(rawValue: choice()).map { .user(target, $0) }
        case "supply":
            let target = who()
            guard let supply = Supply(rawValue: choice()) else { return nil }
            return .supply(target, supply, length())
        case "writers":
            let target = who()
            guard let fault = WriterFault(rawValue: choice()) else { return nil }
            return .writers(target, fault, length())
        default: return nil
        }
    }
}
