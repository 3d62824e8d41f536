// Titles and notes of the pack's templates in the language of the page. Only a template has the mark; what a user has saved is theirs.

/** @type {Record<string, Record<string, string>>} */
const WORDS = {
  zh: {
    "Model": "模型", "Text": "文本", "Timeline": "时间轴", "Sampling": "采样", "Clip": "片段", "Drawings": "画稿",
    "What may move": "可动的部分", "Drawings to a LoRA": "从画稿到 LoRA", "Samples": "样例", "Prompt": "提示词", "Negative": "负面提示词",
    "Drawing, and the area that may move": "画稿与可动区域", "Paint what may move": "涂出可动的部分",
    "Two drawings, first and last: the model draws the frames between them.": "首尾两张画稿：模型画出中间的帧。",
    "A clip from one drawing. Replace AniSora Drawing by Load Image for your own, write what happens, press Run.": "由一张画稿生成片段。用自己的画稿时把 AniSora 示例画稿换成加载图像，写下发生什么，点运行。",
    "Only the last frame is a drawing: the model invents how the clip gets there.": "只有最后一帧是画稿：如何到达由模型构思。",
    "The white part of the mask may move, the rest stays as drawn. Replace the area by a mask painted in the mask editor.": "遮罩白色处可动，其余保持原样。可换成在遮罩编辑器里涂的遮罩。",
    "Paint what may move; the rest stays as drawn.": "涂出可动的部分，其余保持原样。",
    "The painting starts from the area that comes with the drawing: press Run, and it appears on the drawing. Add to it with the brush, remove with the eraser, press Run again.": "先用画稿自带的区域：点运行，它会显示在画稿上。用画笔添加，用橡皮去除，再点运行。",
    "For your own drawing: replace AniSora Drawing by Load Image and disconnect subject.": "用自己的画稿：把 AniSora 示例画稿换成加载图像，并断开 subject。",
    "Five drawings along the clip. Positions are frames (12), seconds (0.5s), per cent (50%), first or last.": "片段中的五张画稿。位置可写帧（12）、秒（0.5s）、百分比（50%）、first 或 last。",
    "A style LoRA from a folder of drawings.": "从一个画稿文件夹训练画风 LoRA。",
    "Press Run: mini is trained on the 25 illustrations that come with the pack, from two picture books (Book Dash, CC BY 4.0).": "点运行：mini 用随包的 25 张插图训练，来自两本绘本（Book Dash，CC BY 4.0）。",
    "For your own style: enter the path of a folder of 20 to 300 drawings in images, choose a name and a trigger, and press Run. Interrupting saves; Run continues.": "训练自己的画风：在 images 填入有 20 到 300 张画稿的文件夹路径，取名字和触发词，点运行。中断会保存，再点运行则继续。",
    "The LoRA is in models/loras under its name: use it with AniSora LoRA or any LoRA loader. For another release choose it in release; its files are those of AniSora Model Loader.": "LoRA 以其名字存于 models/loras：用 AniSora LoRA 或任何 LoRA 加载器加载。要用其他版本就在 release 中选择，文件同 AniSora 模型加载器。",
    "A clip of four windows, longer than mini makes at once. The drawing stands at the beginning, in the middle and at the end, so that the girl stays herself. Press Run.": "由四个窗口组成的片段，比 mini 一次能做的更长。画稿放在开头、中间和结尾，女孩因此保持不变。点运行。",
    "No drawing: the clip comes from the text only.": "没有画稿：片段只由文本生成。",
    "AniSora anymask: mask conditioning, the part outside the mask is given in every frame. 65 frames, 8 steps.": "AniSora anymask：遮罩条件，遮罩之外的部分在每一帧都给定。65 帧，8 步。",
    "AniSora V1: two drawings, first and last (any frame works; two keyframes need 4 frames between them).": "AniSora V1：首尾两张画稿（任意帧都可以；两个关键帧之间要隔 4 帧）。",
    "AniSora V2: one drawing, 40 steps. For 2.5 times the speed set the sampler to optimal and steps to 16 (or 12).": "AniSora V2：一张画稿，40 步。要快 2.5 倍，把采样器设为 optimal，步数设为 16（或 12）。",
    "AniSora V3.1: keyframes on every 8th frame; others are moved to the nearest one, and the report of AniSora Guide lists them. 8 steps, cfg 1.": "AniSora V3.1：关键帧在每第 8 帧上；其他会移到最近的一帧，AniSora 画面引导的报告会列出。8 步，cfg 1。",
    "AniSora V3.2: two networks, one for high noise and one for low; only one is in memory at a time. Keyframes on every 8th frame.": "AniSora V3.2：两个网络，分别用于高噪声和低噪声；内存中一次只有一个。关键帧在每第 8 帧上。",
    "Use Load Image for your own drawings. Motion score 2 to 4.": "用加载图像读取自己的画稿。运动分数 2 到 4。",
    "Use Load Image for your own drawings. Motion score 0.5 to 1.5.": "用加载图像读取自己的画稿。运动分数 0.5 到 1.5。",
    "Use Load Image for your own drawings. Motion score 1 to 2.": "用加载图像读取自己的画稿。运动分数 1 到 2。",
    "Files (models folder: where it is published, GB):": "文件（models 中的文件夹：发布处，GB）：",
    "Enter what you downloaded in the loader: a file name, or the folder of its shards; `anisora convert` makes one bf16 file of them.": "在加载器中选择下载的内容：文件，或分片的文件夹；`anisora convert` 可把分片合成一个 bf16 文件。",
    "AniSora's weights come under Apache-2.0 with six more clauses (Model License Agreement).": "AniSora 的权重采用 Apache-2.0，另有六条附加条款（Model License Agreement）。",
  },
  ja: {
    "Model": "モデル", "Text": "テキスト", "Timeline": "タイムライン", "Sampling": "サンプリング", "Clip": "クリップ", "Drawings": "原画",
    "What may move": "動く範囲", "Drawings to a LoRA": "原画から LoRA へ", "Samples": "サンプル", "Prompt": "プロンプト", "Negative": "ネガティブ",
    "Drawing, and the area that may move": "原画と動く範囲", "Paint what may move": "動く範囲を塗る",
    "Two drawings, first and last: the model draws the frames between them.": "最初と最後の 2 枚の原画。間のフレームはモデルが描きます。",
    "A clip from one drawing. Replace AniSora Drawing by Load Image for your own, write what happens, press Run.": "1 枚の原画からクリップを作ります。自分の原画なら AniSora サンプル原画を「画像を読み込む」に替え、何が起こるかを書いて実行します。",
    "Only the last frame is a drawing: the model invents how the clip gets there.": "最後のフレームだけが原画です。そこまでの動きはモデルが考えます。",
    "The white part of the mask may move, the rest stays as drawn. Replace the area by a mask painted in the mask editor.": "マスクの白い所が動き、ほかは描かれたままです。マスクエディタで塗ったマスクに替えられます。",
    "Paint what may move; the rest stays as drawn.": "動く所を塗ります。ほかは描かれたままです。",
    "The painting starts from the area that comes with the drawing: press Run, and it appears on the drawing. Add to it with the brush, remove with the eraser, press Run again.": "原画に付いている範囲から始まります。実行すると原画の上に見えます。ブラシで足し、消しゴムで消して、もう一度実行します。",
    "For your own drawing: replace AniSora Drawing by Load Image and disconnect subject.": "自分の原画なら AniSora サンプル原画を「画像を読み込む」に替え、subject を外します。",
    "Five drawings along the clip. Positions are frames (12), seconds (0.5s), per cent (50%), first or last.": "クリップに沿った 5 枚の原画。位置はフレーム（12）、秒（0.5s）、パーセント（50%）、first、last で書きます。",
    "A style LoRA from a folder of drawings.": "原画のフォルダから画風の LoRA を作ります。",
    "Press Run: mini is trained on the 25 illustrations that come with the pack, from two picture books (Book Dash, CC BY 4.0).": "実行すると、付属の 25 枚の挿絵（絵本 2 冊、Book Dash、CC BY 4.0）で mini を学習します。",
    "For your own style: enter the path of a folder of 20 to 300 drawings in images, choose a name and a trigger, and press Run. Interrupting saves; Run continues.": "自分の画風なら、20 から 300 枚の原画のフォルダのパスを images に書き、名前とトリガーを決めて実行します。中断すると保存され、実行で続きから始まります。",
    "The LoRA is in models/loras under its name: use it with AniSora LoRA or any LoRA loader. For another release choose it in release; its files are those of AniSora Model Loader.": "LoRA はその名前で models/loras に入ります。AniSora LoRA やほかの LoRA ローダーで使えます。ほかのリリースは release で選びます。ファイルは AniSora モデルローダーと同じです。",
    "A clip of four windows, longer than mini makes at once. The drawing stands at the beginning, in the middle and at the end, so that the girl stays herself. Press Run.": "4 つのウィンドウからなるクリップで、mini が一度に作れるより長いものです。原画を最初と中間と最後に置くので、少女の姿が保たれます。実行します。",
    "No drawing: the clip comes from the text only.": "原画なし。クリップはテキストだけから作られます。",
    "AniSora anymask: mask conditioning, the part outside the mask is given in every frame. 65 frames, 8 steps.": "AniSora anymask：マスク条件。マスクの外はすべてのフレームで与えられます。65 フレーム、8 ステップ。",
    "AniSora V1: two drawings, first and last (any frame works; two keyframes need 4 frames between them).": "AniSora V1：最初と最後の 2 枚の原画（どのフレームでも可。キーフレームの間は 4 フレーム空けます）。",
    "AniSora V2: one drawing, 40 steps. For 2.5 times the speed set the sampler to optimal and steps to 16 (or 12).": "AniSora V2：原画 1 枚、40 ステップ。2.5 倍速くするには、サンプラーを optimal、ステップを 16（または 12）にします。",
    "AniSora V3.1: keyframes on every 8th frame; others are moved to the nearest one, and the report of AniSora Guide lists them. 8 steps, cfg 1.": "AniSora V3.1：キーフレームは 8 フレームごと。ほかは最も近い所へ移り、AniSora ガイドのレポートに出ます。8 ステップ、cfg 1。",
    "AniSora V3.2: two networks, one for high noise and one for low; only one is in memory at a time. Keyframes on every 8th frame.": "AniSora V3.2：高ノイズ用と低ノイズ用の 2 つのネットワーク。メモリにあるのは一度に 1 つです。キーフレームは 8 フレームごと。",
    "Use Load Image for your own drawings. Motion score 2 to 4.": "自分の原画は「画像を読み込む」で。モーションスコア 2 から 4。",
    "Use Load Image for your own drawings. Motion score 0.5 to 1.5.": "自分の原画は「画像を読み込む」で。モーションスコア 0.5 から 1.5。",
    "Use Load Image for your own drawings. Motion score 1 to 2.": "自分の原画は「画像を読み込む」で。モーションスコア 1 から 2。",
    "Files (models folder: where it is published, GB):": "ファイル（models のフォルダ：公開場所、GB）：",
    "Enter what you downloaded in the loader: a file name, or the folder of its shards; `anisora convert` makes one bf16 file of them.": "ダウンロードしたものをローダーで選びます。ファイル、または分割ファイルのフォルダ。`anisora convert` で 1 つの bf16 ファイルになります。",
    "AniSora's weights come under Apache-2.0 with six more clauses (Model License Agreement).": "AniSora の重みは Apache-2.0 に 6 つの条項を加えたもの（Model License Agreement）です。",
  },
};
const MARK = "anisora_template";

/**
 * Translates a template before it is opened, and takes its mark off, so that it is an ordinary workflow from then on.
 * @param {Template} data
 * @param {string} locale
 */
export function translateTemplate(data, locale) {
  if (!data?.extra?.[MARK]) return;
  delete data.extra[MARK];
  const words = WORDS[locale.slice(0, 2)] ?? {};
  /** @param {string} text of one or more lines; others are left, as addresses */
  const translated = (text) => text.split("\n").map((line) => words[line] ?? line).join("\n");
  for (const one of [...(data.groups ?? []), ...(data.nodes ?? [])]) if (one.title) one.title = translated(one.title);
  for (const note of (data.nodes ?? []).filter(({ type }) => type.endsWith("Note"))) {
    note.widgets_values = note.widgets_values?.map((text) => translated(String(text)));
  }
}
