// Choices in the language of the page, with the value itself behind them: that is what workflows hold and help pages name.

/** @type {Record<string, Record<string, string>>} */
const WORDS = {
  zh: {
    auto: "自动", condition: "遮罩条件", hold: "锁定潜变量", paper: "论文的关键帧遮罩", crop: "裁剪", stretch: "拉伸", compat: "与原程序一致",
    release: "版本默认", "first keyframe": "第一张画稿", constant: "恒定", rising: "递增", early: "前期", open: "空白处", authors: "V1 原作者曲线",
    average: "平均", nearest: "最近邻", bicubic: "双三次",
  },
  ja: {
    auto: "自動", condition: "マスク条件", hold: "潜在変数を固定", paper: "論文のキーフレームマスク", crop: "切り抜き", stretch: "引き伸ばし", compat: "元のプログラムどおり",
    release: "リリースの既定", "first keyframe": "最初の原画", constant: "一定", rising: "上昇", early: "前半だけ", open: "空いた所", authors: "V1 の作者の曲線",
    average: "平均", nearest: "最近傍", bicubic: "バイキュービック",
  },
};

/**
 * Hosts that ask a list for the words of its values show these; 1.27 shows the values.
 * @param {ComfyNode} node
 * @param {string} locale
 */
export function translateChoices(node, locale) {
  const words = WORDS[locale.slice(0, 2)];
  if (!words || !node.comfyClass?.startsWith("AniSora")) return;
  for (const widget of (node.widgets ?? []).filter(({ type }) => type === "combo")) {
    /** @param {string | null} value */
    const label = (value) => (value && words[value] ? `${words[value]}（${value}）` : (value ?? ""));
    widget.options = Object.assign(widget.options ?? {}, { getOptionLabel: label });
  }
}
