import Simulation

// An event of the engine -> an action of a file.

extension Action {
    init(_ event: ScenarioEvent) {
        switch event {
        case .cut(let cut, let length): self = Self.cut(cut, length)
        case .mend: self.init("mend")
        case .clog(let route, let length): self.init("clog", [.route(route), .exactly(length)])
        case .lossBurst(let route, let share, let length):
            self.init("lossy", [.route(route), .number(Int64(share)), .exactly(length)])
        case .halfOpen(let route, let length): self.init("half-open", [.route(route), .exactly(length)])
        case .connectHang(let who, let length): self.init("connect-hang", [.who(who), .exactly(length)])
        case .addressChange(let who, let length): self.init("move-address", [.who(who), .exactly(length)])
        case .crash(let who, let power, let down):
            self.init("crash", [.who(who), power ? .yes : nil, down.map(SlotValue.exactly)])
        case .crashAt(let who, let boundary, let skipping, let power, let down):
            self.init(
                "crash-at",
                [
                    .who(who), .choice(boundary.word), skipping == 0 ? nil : .number(Int64(skipping)),
                    power ? .yes : nil, .exactly(down),
                ])
        case .restart(let who): self.init("restart", [.who(who)])
        case .restartStorm(let who, let times, let pause):
            self.init("restart-storm", [.who(who), .number(Int64(times)), .exactly(pause)])
        case .suspend(let who, let length): self.init("suspend", [.who(who), .exactly(length)])
        case .freeze(let who, let length): self.init("freeze", [.who(who), .exactly(length)])
        case .slow(let who, let each, let length):
            self.init("slow", [.who(who), .exactly(each), .exactly(length)])
        case .stop(let who): self.init("stop", [.who(who)])
        case .rate(let who, let rate): self.init("rate", [.who(who), .number(rate)])
        case .wallJump(let who, let distance): self.init("wall", [.who(who), .exactly(distance)])
        case .diskStall, .diskFault, .rollback, .wipe, .syncLies, .clone: self = Self.disk(event)
        case .addDevice(let node): self.init("add", [.who(.node(node))])
        case .removeDevice(let who, let by): self.init("remove", [.who(who), .who(by)])
        case .recover(let who, let isForced): self.init("recover", [.who(who), isForced ? .yes : nil])
        case .hub(let fault): self = Self.hub(fault)
        case .client(let who, let plan): self = Self.client(who, plan)
        case .user(let who, let action): self.init("user", [.who(who), .choice(action.rawValue)])
        case .writers(let who, let fault, let length):
            self.init("writers", [.who(who), .choice(fault.rawValue), .exactly(length)])
        case .supply(let who, let supply, let length):
            self.init("supply", [.who(who), .choice(supply.rawValue), .exactly(length)])
        }
    }

    private static func cut(_ cut: Cut, _ length: Nanoseconds?) -> Action {
        let during = length.map(SlotValue.exactly)
        return switch cut {
        case .isolate(let who): Action("isolate", [.who(who), during])
        case .halves(let border): Action("halves", [.number(Int64(border)), during])
        case .deaf(let who): Action("deaf", [.who(who), during])
        case .mute(let who): Action("mute", [.who(who), during])
        case .ring: Action("ring", [during])
        case .bridge(let node): Action("bridge", [.who(.node(node)), during])
        case .chain: Action("chain", [during])
        case .star(let who): Action("star", [.who(who), during])
        case .link(let a, let b): Action("link", [.who(.node(a)), .who(.node(b)), during])
        case .route(let route): Action("cut", [.route(route), during])
        }
    }

    private static func disk(_ event: ScenarioEvent) -> Action {
        switch event {
        case .diskStall(let who, let length): Action("disk-stall", [.who(who), .exactly(length)])
        case .diskFault(let who, let fault, let down):
            Action("disk-fault", [.who(who), .choice(fault.rawValue), .exactly(down)])
        case .rollback(let who, let age): Action("rollback", [.who(who), .exactly(age)])
        case .wipe(let who, let by): Action("wipe", [.who(who), .who(by)])
        case .syncLies(let who, let length): Action("sync-lies", [.who(who), .exactly(length)])
        case .clone(let who, let length): Action("clone", [.who(who), .exactly(length)])
        case .cut, .mend, .clog, .lossBurst, .halfOpen, .connectHang, .addressChange, .crash, .crashAt, .restart,
            .restartStorm, .suspend, .freeze, .slow, .stop, .rate, .wallJump, .addDevice, .removeDevice, .hub, .client,
            .user, .writers, .supply, .recover:
            Action("mend")
        }
    }

    private static func hub(_ fault: HubFault) -> Action {
        switch fault {
        case .refuses(let length): Action("hub-refuses", [.exactly(length)])
        case .losesReplies(let count): Action("hub-loses-replies", [.number(Int64(count))])
        case .hangs(let length): Action("hub-hangs", [.exactly(length)])
        case .foreignPush: Action("hub-foreign-push")
        case .forcedPush: Action("hub-forced-push")
        case .fenceDeleted: Action("hub-fence-deleted")
        }
    }

    private static func client(_ who: Target, _ plan: ClientPlan) -> Action {
        switch plan {
        case .sync: Action("sync", [.who(who)])
        case .handoff(let to): Action("handoff", [.who(who), to.map { .who(.node($0)) }])
        case .lock(let number, let ttl, let hold, let waits):
            Action(
                "lock",
                [.who(who), .number(Int64(number)), .exactly(ttl), .exactly(hold), waits ? .yes : nil])
        case .setting(let key, let value): Action("set", [.who(who), .setting(ConfigSetting(key: key, value: value))])
        case .stop(.emergency, _, _): Action("emergency-stop", [.who(who)])
        case .stop(.pause, let everywhere, let length):
            Action("pause", [.who(who), everywhere ? .yes : nil, length.map(SlotValue.exactly)])
        case .resume(let everywhere): Action("resume", [.who(who), everywhere ? .yes : nil])
        }
    }
}

extension SlotValue {
    fileprivate static func who(_ target: Target) -> SlotValue { .who(.target(target)) }
    fileprivate static func exactly(_ length: Nanoseconds) -> SlotValue { .span(Span(length)) }

    fileprivate static func route(_ route: Route) -> SlotValue {
        .route(from: .target(route.from), to: .target(route.to), bothWays: route.bothWays)
    }
}
