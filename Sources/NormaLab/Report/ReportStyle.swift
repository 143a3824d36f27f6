/// How the page and its pictures look.
enum ReportStyle {
  /// Colours that colour-blind eyes tell apart, each with dashes of its own. Okabe & Ito 2008.
  private static let light = [
    "#0072b2", "#d55e00", "#009e73", "#b5478f", "#9a6a00", "#2f8fc4", "#5b5b5b", "#7a1f1f",
  ]
  private static let dark = [
    "#58b4f0", "#ff9552", "#3ddbad", "#eba5d3", "#f2c14e", "#9bdcff", "#c8c8c8", "#ff8f8f",
  ]
  private static let dashes = [
    "none", "7 3", "2 2", "9 3 2 3", "4 4", "12 3", "1 3", "6 2 1 2 1 2",
  ]

  private static func variables(_ colours: [String]) -> String {
    colours.enumerated().map { "--s\($0):\($1);" }.joined()
  }

  private static var series: String {
    dashes.enumerated().map { index, dash in
      ".line.s\(index){stroke:var(--s\(index));stroke-dasharray:\(dash)}"
        + ".band.s\(index){fill:var(--s\(index))}"
    }.joined()
  }

  /// Rules for charts, on a page and alone.
  private static let charts = """
    svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
    svg .title{font-weight:600;font-size:13px}
    .line{fill:none;stroke-width:1.8;stroke-linejoin:round}
    .band{opacity:.16;stroke:none}
    .grid{stroke:var(--rule);fill:none}
    .frame{stroke:var(--soft);fill:none}
    .cell{stroke:var(--rule)}
    .bars{fill:var(--s0)}
    .paper{fill:var(--paper)}
    """

  private static let lightBase =
    "--paper:#ffffff;--ink:#1c1c1e;--soft:#5f6368;--rule:#dfe1e5;--tint:#f5f6f8;--link:#005a9c;"
    + variables(light)
  private static let darkBase =
    "--paper:#16181c;--ink:#e8e8ea;--soft:#a3a8b0;--rule:#383c44;--tint:#20242a;--link:#7cc4ff;"
    + variables(dark)

  /// For a picture on its own: colours as they are, since not every reader of SVG knows variables.
  static let figure = lightBase.split(separator: ";").reduce(charts + series) { text, rule in
    let parts = rule.split(separator: ":")
    return text.replacing("var(\(parts[0]))", with: parts[1])
  }

  /// For the page.
  static let page =
    ":root{color-scheme:light dark;\(lightBase)}"
    + "@media (prefers-color-scheme:dark){:root{\(darkBase)}}"
    + charts + series + """
      *{box-sizing:border-box}
      body{margin:0 auto;max-width:76rem;padding:1rem 1.25rem 4rem;background:var(--paper);
      color:var(--ink);font:16px/1.5 system-ui,sans-serif}
      h1{font-size:1.7rem;margin:.2rem 0}
      h2{font-size:1.25rem;margin:2.2rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--rule)}
      h3{font-size:1rem;margin:1rem 0 .4rem} h4{font-size:.9rem;margin:.8rem 0 .2rem}
      p{max-width:60rem;color:var(--soft);margin:.3rem 0 .8rem}
      a{color:var(--link)} .skip{position:absolute;left:-99rem} .skip:focus{left:1rem}
      nav ul,.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:0;margin:.4rem 0}
      .tools{position:sticky;top:0;background:var(--paper);display:flex;flex-wrap:wrap;gap:.4rem 1.4rem;
      padding:.5rem 0;border-bottom:1px solid var(--rule);z-index:1;font-size:.9rem}
      .tools[hidden]{display:none} .tools label{display:flex;gap:.5rem;align-items:center}
      .scroll{overflow-x:auto} table{border-collapse:collapse;font-size:.88rem;margin:.4rem 0 1rem}
      caption{text-align:left;color:var(--soft);padding:.2rem 0}
      th,td{padding:.28rem .55rem;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top;
      font-weight:400;overflow-wrap:break-word} tbody th{white-space:nowrap} thead th{font-weight:600;white-space:nowrap}
      .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
      .best{font-weight:700} .best b{color:var(--s1)}
      th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
      th button::after{content:" ↕";color:var(--soft)}
      th[aria-sort=ascending] button::after{content:" ↑"} th[aria-sort=descending] button::after{content:" ↓"}
      .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem}
      .charts.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
      figure{margin:0;min-width:0} figcaption{font-weight:600;font-size:.92rem}
      .chart svg{width:100%;height:auto;display:block} .chart>svg:focus-visible{outline:2px solid var(--link)}
      .legend{gap:.1rem .6rem;margin:.2rem 0} .legend button{font:inherit;font-size:.82rem;color:inherit;
      background:none;border:0;padding:.1rem .2rem;cursor:pointer;display:flex;gap:.3rem;align-items:center}
      .legend svg{width:28px;height:8px} .legend button[aria-pressed=false]{opacity:.4;
      text-decoration:line-through}
      .readout{min-height:1.3em;margin:0;font-size:.82rem;font-variant-numeric:tabular-nums}
      .cross{stroke:var(--soft);stroke-dasharray:3 3}
      .histograms{display:flex;flex-wrap:wrap;gap:.8rem 1.2rem} .histogram{width:168px}
      .map svg{max-width:none}
      pre{background:var(--tint);padding:.6rem .8rem;overflow-x:auto;font-size:.82rem;line-height:1.45;
      white-space:pre-wrap;overflow-wrap:anywhere}
      details{margin:.5rem 0} summary{cursor:pointer;font-weight:600;font-size:.95rem}
      .norms{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));gap:1rem 2rem}
      .norms article{min-width:0}
      footer{margin-top:3rem;color:var(--soft);font-size:.85rem}
      @media print{body{max-width:none;padding:0;font-size:11px} .tools,nav,.skip{display:none!important}
      figure,tr{break-inside:avoid} .charts{grid-template-columns:1fr 1fr} .scroll{overflow:visible}
      table{font-size:8px} th,td{padding:.12rem .3rem} thead th,.number{white-space:normal}
      th button::after{content:""!important}}
      """
}
