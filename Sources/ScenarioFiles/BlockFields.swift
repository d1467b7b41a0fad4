import Primitives
import Simulation
import SyncRounds

// The words of the blocks `net`, `disk`, `work`, `clocks`, `workload`, `hub` and `heal`.

extension Field where Root == NetworkConditions {
    static var all: [Field] {
        let standard = NetworkConditions()
        return [
            .delay("delay", \.delay, most: Limits.scenarioLinkDelay, standard: standard),
            .flag("reorder", \.keepsOrder, inverted: true), .share("loss", \.loss), burst,
            .share("duplicates", \.duplication), .share("replay", \.replay),
            .length("replay-delay", \.replayDelay),
            .share("connect-hangs", \.connectHangs), .length("hang", \.hang, standard: standard),
            .share("half-open", \.halfOpen), queue,
            .range("notice", \.detection, standard: standard), .range("reconnect", \.reconnection, standard: standard),
        ]
    }

    private static var queue: Field {
        Field(
            name: "queue", hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root.queue = try reader.count("a queue", in: 1...1_000_000)
            },
            write: { $0.queue.map { "\($0)" } })
    }

    /// `burst=0.1%:2s`: one in a thousand messages begins two seconds in which half are lost.
    private static var burst: Field {
        Field(
            name: "burst", hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                let word = reader.peek
                guard word?.text.contains(":") == true else {
                    throw reader.problem(word, "'\(word?.text ?? "")' is no burst", hint: "write burst=0.1%:2s")
                }
                var (share, length) = try reader.parts(around: ":")
                root.burst = NetworkConditions.Burst(
                    begins: try share.share("a share"),
                    length: try length.duration("a length", in: 1...SimulationLimits.duration))
            },
            write: {
                $0.burst.map {
                    "\(Quantity.text(share: Int64($0.begins))):\(Quantity.text(duration: $0.length))"
                }
            })
    }
}

extension Field where Root == DiskConditions {
    static var all: [Field] {
        let standard = DiskConditions()
        return [
            .delay("write", \.delay, most: Limits.scenarioWorkDelay, standard: standard),
            .share("stalls", \.stalls), .length("stall", \.stall, standard: standard),
        ]
    }
}

extension Field where Root == WorkConditions {
    static var all: [Field] {
        [
            .delay("delay", \.delay, most: Limits.scenarioWorkDelay, standard: WorkConditions()),
            .share("failures", \.failures), .share("big-files", \.bigFiles),
            .length("big-file", \.bigFile, 0...Limits.scenarioWorkDelay.wholeNanoseconds, standard: WorkConditions()),
        ]
    }
}

extension Field where Root == Workload {
    static var all: [Field] {
        let standard = Workload()
        return [
            .count("writers", \.gatedWriters, 0...SimulationLimits.writersPerDevice, standard: standard),
            .rate("rate", \.gatedPause, standard: standard),
            .length("step", \.gatedStep, 1...Limits.scenarioWorkDelay.wholeNanoseconds, standard: standard),
            .rate("ungated", \.ungatedPause), .rate("edits", \.userPause),
            Field(
                name: "ops", hasValue: true,
                read: { (reader, root) throws(ScenarioProblem) in
                    for var one in try reader.list("what people do") {
                        root.userActions.append(
                            try one.choice("what a person does", UserAction.allCases.map { ($0.rawValue, $0) }))
                    }
                },
                write: {
                    $0.userActions.isEmpty ? nil : $0.userActions.map(\.rawValue).joined(separator: ",")
                }),
        ]
    }
}

extension Field where Root == ClockConditions {
    static var all: [Field] {
        [
            Field(
                name: "rates", hasValue: true,
                read: { (reader, root) throws(ScenarioProblem) in
                    for var one in try reader.list("the devices' rates") { root.rates.append(try one.speed()) }
                },
                write: {
                    $0.rates.isEmpty ? nil : $0.rates.map(Quantity.text(share:)).joined(separator: ",")
                }),
            .length("late-timers", \.lateTimers, standard: ClockConditions()),
        ]
    }
}

extension Field where Root == HubConditions {
    static var all: [Field] {
        [
            .flag("not-atomic", \.isAtomic, inverted: true),
            .delay("delay", \.delay, most: Limits.scenarioLinkDelay, standard: HubConditions()),
            .share("refused", \.refusals), .share("lost-replies", \.lostReplies),
        ]
    }
}

extension Field where Root == HealBlock {
    static var all: [Field] {
        let standard = HealBlock()
        return [
            Field(
                name: "core", hasValue: true,
                read: { (reader, root) throws(ScenarioProblem) in
                    root.plan.core = try reader.choice("a core", HealPlan.Core.allCases.map { ($0.rawValue, $0) })
                },
                write: { $0.plan.core == .all ? nil : $0.plan.core.rawValue }),
            .length("delay", \.plan.delay, 0...Limits.scenarioLinkDelay.wholeNanoseconds, standard: standard),
            .length("quiet", \.quiet, 0...Limits.scenarioTime.wholeNanoseconds, standard: standard),
        ]
    }
}

extension Field where Root == ConfigBlock {
    static var all: [Field] {
        let lengths: [(String, any WritableKeyPath<TimingProfile, Duration> & Sendable, ClosedRange<Duration>)] = [
            ("heartbeat", \.heartbeat, .milliseconds(1)...(.seconds(60))),
            ("lease", \.leaseTTL, Limits.lockTTL),
            ("renewal", \.leaseRenewal, .milliseconds(1)...(.seconds(600))),
        ]
        let timing = lengths.map { name, path, range in
            Field(
                name: name, hasValue: true,
                read: { (reader, root) throws(ScenarioProblem) in
                    let range = range.lowerBound.wholeNanoseconds...range.upperBound.wholeNanoseconds
                    root.timing[keyPath: path] = .nanoseconds(try reader.duration("a time", in: range))
                },
                write: {
                    let value = $0.timing[keyPath: path]
                    return value == TimingProfile.lan[keyPath: path]
                        ? nil : Quantity.text(duration: value.wholeNanoseconds)
                })
        }
        let cuts = [
            entries("snapshot-after", \.compaction.after, 1...1_000_000),
            entries("entries-kept", \.compaction.keeping, 0...1_000_000),
        ]
        return timing + [election, drift] + cuts + SyncSettings.keys.map(setting)
    }

    private static func entries(
        _ name: String, _ path: any WritableKeyPath<ConfigBlock, UInt64> & Sendable, _ range: ClosedRange<Int>
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = UInt64(try reader.count("a count", in: range))
            },
            write: { $0[keyPath: path] == ConfigBlock()[keyPath: path] ? nil : "\($0[keyPath: path])" })
    }

    private static var election: Field {
        Field(
            name: "election", hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                let word = reader.peek
                let span = try SlotParser(devices: []).span("a time", .milliseconds(1)...(.seconds(600)), &reader)
                guard span.low < span.high else {
                    throw reader.problem(word, "election timeouts must differ", hint: "write election=500ms..1s")
                }
                root.timing.election = .nanoseconds(span.low)...(.nanoseconds(span.high))
            },
            write: {
                let range = $0.timing.election
                guard range != TimingProfile.lan.election else { return nil }
                return SlotParser.text(Span(range.lowerBound.wholeNanoseconds, range.upperBound.wholeNanoseconds))
            })
    }

    /// Clocks run faster or slower than true time by up to this, as the seed draws.
    private static var drift: Field {
        Field(
            name: "drift", hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in root.drift = Int64(try reader.share("a drift")) },
            write: { $0.drift == 0 ? nil : Quantity.text(share: $0.drift) })
    }

    private static func setting(_ key: SettingKey) -> Field {
        Field(
            name: key.name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                let value = try reader.settingValue(key)
                root.settings = (root.settings ?? []) + [ConfigSetting(key: key.name, value: value)]
            },
            // Settings are put in one after the other: they keep the order of the file.
            write: { _ in nil })
    }
}

extension ConfigBlock {
    /// Behind `config`; nil if there is nothing to say.
    var text: String? {
        let settings = (settings ?? []).map { "\($0.key)=\($0.value)" }
        let words = [self.settings?.isEmpty == true ? "defaults" : nil, Block.text(self, Field.all)] + settings
        let text = words.compactMap { $0 }.joined(separator: " ")
        return text.isEmpty ? nil : text
    }
}

extension ConfigSetting {
    /// Without settings rounds come quickly: with the defaults of a mesh a run would mostly wait.
    static let quick = [
        ConfigSetting(key: "sync.settle", value: "500ms"), ConfigSetting(key: "sync.max-wait", value: "2s"),
        ConfigSetting(key: "sync.min-interval", value: "1s"),
    ]
}
